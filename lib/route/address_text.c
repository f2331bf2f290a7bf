/* Editing addresses in quoted form. */
#include "route/address_text.h"

#include "base/log.h"
#include "conf/conf.h"
#include "conf/params.h"

/* Where the token at `at` ends: a quoted string, comment, literal, escaped byte, or one byte.
 */
static size_t token_end(struct slice text, size_t at)
{
    char first = text.ptr[at];
    char closing = first == '"' ? '"' : first == '[' ? ']' : first == '(' ? ')' : '\0';
    unsigned depth = 1;

    if (first == '\\')
        return at + 2 < text.len ? at + 2 : text.len;
    if (closing == '\0')
        return at + 1;
    for (at++; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '\\')
            at++;
        else if (c == closing && --depth == 0)
            return at + 1;
        else if (c == '(' && closing == ')')
            depth++;
    }
    return text.len;
}

size_t operator_find(struct slice text, const char *set)
{
    for (size_t at = 0; at < text.len; at = token_end(text, at)) {
        if (text.ptr[at] != '\0' && strchr(set, text.ptr[at]))
            return at;
    }
    return text.len;
}

size_t operator_find_last(struct slice text, const char *set)
{
    size_t found = text.len;

    for (size_t at = 0; at < text.len; at = token_end(text, at)) {
        if (text.ptr[at] != '\0' && strchr(set, text.ptr[at]))
            found = at;
    }
    return found;
}

bool text_is_quoted_string(struct slice text)
{
    return text.len && text.ptr[0] == '"' && token_end(text, 0) == text.len;
}

static bool is_word_byte(char c)
{
    return !ascii_is_space(c) && c != '@' && c != '.' && c != ':' && c != '%' && c != '!' &&
           c != ',' && c != ';' && c != '<' && c != '>';
}

void text_tidy(struct buf *text)
{
    struct slice from = buf_slice(text);
    size_t to = 0;
    bool blank = false;

    if (slice_find_any(from, " \t\r\n(") == from.len)
        return;
    for (size_t at = 0; at < from.len;) {
        size_t end = token_end(from, at);

        if (from.ptr[at] == '(' || ascii_is_space(from.ptr[at])) {
            blank = true;
        } else {
            if (blank && to && is_word_byte(text->data[to - 1]) && is_word_byte(from.ptr[at]))
                text->data[to++] = ' ';
            blank = false;
            memmove(text->data + to, from.ptr + at, end - at);
            to += end - at;
        }
        at = end;
    }
    buf_truncate(text, to);
}

void text_strip_trailing_dot(struct buf *text)
{
    struct slice slice = buf_slice(text);

    if (slice.len < 2 || operator_find_last(slice, ".") != slice.len - 1)
        return;
    if (slice.ptr[slice.len - 2] != '.' && slice.ptr[slice.len - 2] != '@')
        buf_truncate(text, slice.len - 1);
}

/* "@a,@b:user@c" -> "user@c" */
static void strip_source_route(struct buf *text)
{
    struct slice slice = buf_slice(text);
    size_t colon;

    if (slice.len == 0 || slice.ptr[0] != '@')
        return;
    colon = operator_find(slice, ":");
    if (colon < slice.len)
        buf_remove_front(text, colon + 1);
}

/* "site!user" -> "user@site" */
static void swap_bang(struct buf *text, size_t bang)
{
    CLEANUP(buf_release) struct buf site = BUF_INIT;

    buf_set(&site, slice_sub(buf_slice(text), 0, bang));
    buf_remove_front(text, bang + 1);
    buf_add_char(text, '@');
    buf_add_slice(text, buf_slice(&site));
}

static void find_a_domain(struct buf *text, const char *origin)
{
    struct slice slice = buf_slice(text);
    size_t bang = operator_find(slice, "!");
    size_t percent = operator_find_last(slice, "%");

    if (params.swap_bangpath && bang < slice.len) {
        swap_bang(text, bang);
    } else if (params.allow_percent_hack && percent < slice.len) {
        text->data[percent] = '@';
    } else if (params.append_at_myorigin && *origin) {
        buf_add_char(text, '@');
        buf_add_text(text, origin);
    }
}

/* People look for it under the name of the program that rewrites in Postfix. */
static void log_if_old_default(struct slice host, const char *domain)
{
    CLEANUP(buf_release) struct buf tag = BUF_INIT;

    if (slice_equals_nocase(host, "localhost") ||
        !conf_uses_old_default("append_dot_mydomain", "1"))
        return;
    buf_printf(&tag, "%s/trivial-rewrite", params.syslog_name);
    log_info_as(tag.data,
                "using backwards-compatible default setting append_dot_mydomain=yes to rewrite "
                "\"%.*s\" to \"%.*s.%s\"",
                SLICE_ARG(host), SLICE_ARG(host), domain);
}

static void append_domain(struct buf *text, const char *domain)
{
    struct slice slice = buf_slice(text);
    size_t at = operator_find_last(slice, "@");

    if (at + 1 >= slice.len)
        return;
    slice = slice_from_offset(slice, at + 1);
    if (slice_find(slice, '[') < slice.len || operator_find(slice, ".") < slice.len)
        return;
    log_if_old_default(slice, domain);
    buf_add_char(text, '.');
    buf_add_text(text, domain);
}

void text_rewrite(struct buf *text, const char *origin, const char *domain)
{
    strip_source_route(text);
    if (operator_find(buf_slice(text), "@") == text->len)
        find_a_domain(text, origin);
    if (params.append_dot_mydomain && *domain)
        append_domain(text, domain);
    text_strip_trailing_dot(text);
}

/* atext of RFC 5322 without what routes (! %) */
static bool is_plain_byte(char c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("-_+=#$&'*/?^`{|}~", c) != NULL);
}

bool address_is_plain(struct slice address)
{
    size_t n_at = 0, n_dots = 0;
    char before = '.';

    for (size_t i = 0; i < address.len; i++) {
        char c = address.ptr[i];

        if (c == '.' || c == '@') {
            if (before == '.' || before == '@')
                return false;
            n_at += c == '@';
            n_dots += c == '.' && n_at;
        } else if (!is_plain_byte(c)) {
            return false;
        }
        before = c;
    }
    return n_at == 1 && n_dots && before != '.' && before != '@';
}
