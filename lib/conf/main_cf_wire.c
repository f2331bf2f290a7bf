/*
 * The form in which master hands main.cf to its workers: NUL-terminated texts, four for an
 * entry
 * ("E" with its name, value, file, line) and two for a computed default ("C" with its name).
 */
#include <string.h>

#include "conf/main_cf.h"

static void add_text(struct buf *out, const char *text)
{
    buf_add(out, text, strlen(text) + 1);
}

void main_cf_serialize(const struct main_cf *main_cf, struct buf *out)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&main_cf->entries, &cursor, &name, &value)) {
        const struct main_cf_entry *entry = value;

        buf_printf(out, "E%s", entry->name);
        buf_add_char(out, '\0');
        add_text(out, entry->value);
        add_text(out, entry->file);
        buf_printf(out, "%d", entry->line);
        buf_add_char(out, '\0');
    }
    cursor = (struct hash_cursor){0};
    while (hash_next(&main_cf->computed, &cursor, &name, &value)) {
        buf_printf(out, "C%.*s", SLICE_ARG(name));
        buf_add_char(out, '\0');
        add_text(out, value);
    }
}

/* False when the text is cut short. */
static bool take_text(struct slice *rest, struct slice *text)
{
    size_t end = slice_find(*rest, '\0');

    if (end == rest->len)
        return false;
    *text = slice_sub(*rest, 0, end);
    *rest = slice_from_offset(*rest, end + 1);
    return true;
}

static bool take_entry(struct main_cf *main_cf, struct slice name, struct slice *rest)
{
    struct main_cf_entry *entry;
    struct slice value, file, line;
    int64_t number;

    if (name.len == 0 || !take_text(rest, &value) || !take_text(rest, &file) ||
        !take_text(rest, &line) || !slice_to_int(line, 0, INT32_MAX, &number))
        return false;
    main_cf_set(main_cf, name, value);
    entry = hash_get(&main_cf->entries, name);
    entry->file = arena_text(&main_cf->arena, file);
    entry->line = (int)number;
    return true;
}

int main_cf_unserialize(struct main_cf *main_cf, struct slice bytes, struct error *error)
{
    struct slice rest = bytes;
    struct slice head, text;

    while (rest.len > 0) {
        struct slice name;

        if (!take_text(&rest, &head))
            return error_set(error, ERROR_PERMANENT, "configuration from master is cut short");
        name = slice_from_offset(head, 1);
        if (slice_starts_with(head, "E") && take_entry(main_cf, name, &rest))
            continue;
        if (!slice_starts_with(head, "C") || !take_text(&rest, &text))
            return error_set(error, ERROR_PERMANENT,
                             "configuration from master: bad record for \"%.*s\"",
                             SLICE_ARG(name));
        (void)hash_set(&main_cf->computed, name, arena_text(&main_cf->arena, text));
    }
    return 0;
}
