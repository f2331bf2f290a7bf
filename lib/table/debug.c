/*
 * debug:type:name logs each look-up in the table behind it, with the answer.
 */
#include "base/log.h"
#include "base/mem.h"
#include "table/drivers.h"

struct debug_table {
    struct table table;
    struct table *inner;
};

static struct table *inner_of(struct table *table)
{
    return CONTAINER_OF(table, struct debug_table, table)->inner;
}

static struct table *debug_open(const char *name, const struct table_options *options,
                                struct error *error)
{
    struct table *inner = table_open(name, options, error);

    if (!inner)
        return NULL;
    struct debug_table *debug = mem_new(struct debug_table);

    debug->inner = inner;
    debug->table.is_pattern = inner->is_pattern;
    return &debug->table;
}

static void debug_close(struct table *table)
{
    table_close(inner_of(table));
    mem_free(CONTAINER_OF(table, struct debug_table, table));
}

static enum table_result debug_lookup(struct table *table, struct slice key, struct buf *value,
                                      struct error *error)
{
    struct table *inner = inner_of(table);
    enum table_result result = table_lookup(inner, key, value, error);

    switch (result) {
    case TABLE_FOUND:
        log_info("%s lookup: \"%.*s\" = \"%s\"", inner->spec, SLICE_ARG(key), value->data);
        break;
    case TABLE_NOT_FOUND:
        log_info("%s lookup: \"%.*s\" = not found", inner->spec, SLICE_ARG(key));
        break;
    case TABLE_ERROR:
        log_info("%s lookup: \"%.*s\" = error", inner->spec, SLICE_ARG(key));
        break;
    }
    return result;
}

static int debug_walk(struct table *table, table_entry_fn *entry, void *arg,
                      struct error *error)
{
    return table_walk(inner_of(table), entry, arg, error);
}

static bool debug_has_changed(struct table *table)
{
    return table_has_changed(inner_of(table));
}

const struct table_driver table_debug = {
    .type = "debug",
    .open = debug_open,
    .lookup = debug_lookup,
    .close = debug_close,
    .walk = debug_walk,
    .has_changed = debug_has_changed,
};
