/*
 * The types that hold nothing: environ (the process's environment), fail (always an error) and
 * internal (always empty here).
 */
#include <stdlib.h>

#include "base/mem.h"
#include "table/drivers.h"

static struct table *simple_open(const char *name, const struct table_options *options,
                                 struct error *error)
{
    (void)name, (void)options, (void)error;
    return mem_new(struct table);
}

static void simple_close(struct table *table)
{
    mem_free(table);
}

static enum table_result environ_lookup(struct table *table, struct slice key,
                                        struct buf *value, struct error *error)
{
    CLEANUP(mem_free_text) char *name = slice_dup(key);
    const char *text = getenv(name);

    (void)table, (void)error;
    if (!text)
        return TABLE_NOT_FOUND;
    buf_set_text(value, text);
    return TABLE_FOUND;
}

static enum table_result fail_lookup(struct table *table, struct slice key, struct buf *value,
                                     struct error *error)
{
    (void)table, (void)key, (void)value;
    error_set(error, ERROR_TEMPORARY, "%s", ""); /* there is no reason to be told */
    return TABLE_ERROR;
}

static int fail_walk(struct table *table, table_entry_fn *entry, void *arg, struct error *error)
{
    (void)entry, (void)arg;
    return error_set(error, ERROR_TEMPORARY, "table %s: sequence error: Application error",
                     table->spec);
}

static enum table_result internal_lookup(struct table *table, struct slice key,
                                         struct buf *value, struct error *error)
{
    (void)table, (void)key, (void)value, (void)error;
    return TABLE_NOT_FOUND;
}

const struct table_driver table_environ = {
    .type = "environ",
    .folds_case = true,
    .open = simple_open,
    .lookup = environ_lookup,
    .close = simple_close,
};

const struct table_driver table_fail = {
    .type = "fail",
    .open = simple_open,
    .lookup = fail_lookup,
    .close = simple_close,
    .walk = fail_walk,
};

const struct table_driver table_internal = {
    .type = "internal",
    .open = simple_open,
    .lookup = internal_lookup,
    .close = simple_close,
};
