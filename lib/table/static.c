/*
 * static:text and static:{text with spaces}: one answer for every key.
 */
#include "base/mem.h"
#include "conf/words.h"
#include "table/drivers.h"
#include "table/entry.h"

struct static_table {
    struct table table;
    struct buf value;
};

static int static_value(struct static_table *fixed, const char *name,
                        const struct table_options *options, struct error *error)
{
    struct slice text = slice_from(name);

    if (name[0] == '{' && words_unbrace(text, &text, error) < 0)
        return error_context(error, "bad static:name syntax");
    if (options->values_are_files)
        return table_entry_read_files(text, &fixed->value, error);
    buf_set(&fixed->value, text);
    return 0;
}

static void static_close(struct table *table)
{
    struct static_table *fixed = CONTAINER_OF(table, struct static_table, table);

    buf_release(&fixed->value);
    mem_free(fixed);
}

static struct table *static_open(const char *name, const struct table_options *options,
                                 struct error *error)
{
    struct static_table *fixed = mem_new(struct static_table);

    buf_init(&fixed->value);
    if (static_value(fixed, name, options, error) < 0) {
        static_close(&fixed->table);
        return NULL;
    }
    return &fixed->table;
}

static enum table_result static_lookup(struct table *table, struct slice key, struct buf *value,
                                       struct error *error)
{
    (void)key, (void)error;
    buf_set(value, buf_slice(&CONTAINER_OF(table, struct static_table, table)->value));
    return TABLE_FOUND;
}

const struct table_driver table_static = {
    .type = "static",
    .open = static_open,
    .lookup = static_lookup,
    .close = static_close,
};
