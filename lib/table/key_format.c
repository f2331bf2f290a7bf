/*
 * Expanding %-formats.
 */
#include "table/key_format.h"

#include <string.h>

/* An address in parts; without "@" the domain is NULL and the local part all of it. */
struct parts {
    struct slice whole, local_part, domain;
};

static struct parts parts_of(struct slice text)
{
    size_t at = slice_find_last(text, '@');
    struct parts parts = {.whole = text, .local_part = slice_sub(text, 0, at)};

    if (at < text.len)
        parts.domain = slice_from_offset(text, at + 1);
    return parts;
}

/* The number-th label from the right; empty when there are not so many. */
static struct slice label(struct slice domain, int number)
{
    struct slice found = SLICE_EMPTY;

    while (number > 0) {
        size_t dot = slice_find_last(domain, '.');
        bool is_last = dot == domain.len;

        found = is_last ? domain : slice_from_offset(domain, dot + 1);
        if (found.len)
            number--;
        if (is_last)
            break;
        domain = slice_sub(domain, 0, dot);
    }
    return number == 0 ? found : SLICE_EMPTY;
}

/* What a letter or digit stands for; empty: there is no such part. */
static struct slice part(char c, const struct parts *key, const struct parts *value)
{
    switch (c) {
    case 's':
        return value->whole;
    case 'u':
        return value->local_part;
    case 'd':
        return value->domain;
    case 'S':
        return key->whole;
    case 'U':
        return key->local_part;
    case 'D':
        return key->domain;
    default:
        return label(key->domain, c - '0');
    }
}

static bool expand(const char *format, const struct parts *key, const struct parts *value,
                   struct key_format_quote *quote, struct buf *out)
{
    size_t start = out->len;

    for (const char *c = format; *c; c++) {
        if (*c != '%' || c[1] == '\0') {
            buf_add_char(out, *c);
            continue;
        }
        if (*++c == '%') {
            buf_add_char(out, '%');
            continue;
        }
        struct slice text = part(*c, key, value);
        bool is_added = text.len > 0;

        if (is_added && quote)
            is_added = quote->add(quote, out, text);
        else
            buf_add_slice(out, text);
        if (!is_added) {
            buf_truncate(out, start);
            return false;
        }
    }
    return true;
}

int key_format_check(const char *format, const char *path, const char *what,
                     struct error *error)
{
    for (const char *c = format; *c; c++) {
        if (*c == '%' && (*++c == '\0' || !strchr("%sudSUD123456789", *c)))
            return error_set(error, ERROR_PERMANENT,
                             "db_common_parse: %s: Invalid %s template: %s", path, what,
                             format);
    }
    return 0;
}

bool key_format_query(const char *format, struct slice key, struct key_format_quote *quote,
                      struct buf *out)
{
    struct parts parts = parts_of(key);

    return expand(format, &parts, &parts, quote, out);
}

bool key_format_result(const char *format, struct slice key, struct slice value,
                       struct buf *out)
{
    struct parts key_parts = parts_of(key), value_parts = parts_of(value);

    return value.len > 0 && expand(format, &key_parts, &value_parts, NULL, out);
}

bool key_format_fits(const char *result_format, struct slice key)
{
    CLEANUP(buf_release) struct buf nowhere = BUF_INIT;

    return key_format_result(result_format, key, SLICE("u@d"), &nowhere);
}
