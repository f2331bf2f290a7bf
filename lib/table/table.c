/*
 * "type:name": finding the driver, opening, asking.
 */
#include "table/table.h"

#include "base/log.h"
#include "base/mem.h"
#include "table/fold.h"
#include "table/plugin_load.h"

static bool may_block_here, passes_proxy_over;

static const struct table_options no_options;

void table_allow_blocking(void)
{
    may_block_here = true;
}

void table_pass_proxy_over(void)
{
    may_block_here = passes_proxy_over = true;
}

const struct table_driver *table_driver_find(struct slice type)
{
    type = slice_split(&type, ':');
    for (const struct table_driver *const *driver = table_drivers(); *driver; driver++) {
        if (slice_equals(type, (*driver)->type))
            return *driver;
    }
    return NULL;
}

bool table_driver_is_installed(const struct table_driver *driver)
{
    return !driver->is_plugin || plugin_is_installed(driver->type);
}

/* Types of Postfix whose service has died out, and what took its place. */
static const struct {
    const char *type, *advice;
} gone[] = {
    {"dbm", "; use lmdb"},
    {"mongodb", "; use redis, pgsql or ldap"},
    {"netinfo", "; use ldap"},
    {"nis", " (NIS is not supported; use ldap, or unix:passwd.byname)"},
    {"nisplus", " (NIS+ is not supported; use ldap)"},
    {"sdbm", "; use lmdb"},
};

static int refuse_type(struct slice type, struct error *error)
{
    const char *advice = "";

    for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
        if (slice_equals(type, gone[i].type))
            advice = gone[i].advice;
    }
    return error_set(error, ERROR_PERMANENT, "unsupported dictionary type: %.*s%s",
                     SLICE_ARG(type), advice);
}

static struct table *table_finish(struct table *table, const struct table_driver *driver,
                                  const char *spec, const struct table_options *options)
{
    table->driver = driver;
    table->spec = mem_dup_text(spec);
    table->folds = driver->folds_case && !options->keep_case;
    table->is_pattern = table->is_pattern || driver->is_pattern;
    table->binary_keys = options->binary_keys;
    return table;
}

/* For sensitive uses proxy: is passed over, as with Postfix: this process opens the table. */
static struct slice without_proxy(struct slice spec)
{
    while (slice_starts_with(spec, "proxy:"))
        spec = slice_from_offset(spec, sizeof("proxy:") - 1);
    return spec;
}

struct table *table_open(const char *spec, const struct table_options *options,
                         struct error *error)
{
    if (!options)
        options = &no_options;

    bool is_direct = options->sensitive || passes_proxy_over;
    struct slice name = is_direct ? without_proxy(slice_from(spec)) : slice_from(spec);
    struct slice type = slice_split(&name, ':');
    const struct table_driver *driver = table_driver_find(type);
    const char *name_text = name.ptr;
    struct table *table;

    if (type.len == 0 || name.len == 0) {
        error_set(error, ERROR_PERMANENT,
                  "open dictionary: expecting \"type:name\" form instead of \"%s\"", spec);
        return NULL;
    }
    if (!driver) {
        (void)refuse_type(type, error);
        return NULL;
    }
    if (options->sensitive && driver->is_open_network) {
        error_set(error, ERROR_PERMANENT, "%s map is not allowed for security-sensitive data",
                  spec);
        return NULL;
    }
    if (driver->may_block && !may_block_here) {
        driver = table_driver_find(SLICE("proxy"));
        name_text = type.ptr;
    }
    table = driver->open(name_text, options, error);
    return table ? table_finish(table, driver, spec, options) : NULL;
}

/* -- what cannot be opened -------------------------------------------------------------------
 */

struct unavailable {
    struct table table;
    char *reason;
};

static enum table_result unavailable_lookup(struct table *table, struct slice key,
                                            struct buf *value, struct error *error)
{
    struct unavailable *unavailable = CONTAINER_OF(table, struct unavailable, table);

    (void)key, (void)value;
    error_set(error, ERROR_TEMPORARY, "%s is unavailable. %s", table->spec,
              unavailable->reason);
    return TABLE_ERROR;
}

static void unavailable_close(struct table *table)
{
    struct unavailable *unavailable = CONTAINER_OF(table, struct unavailable, table);

    mem_free(unavailable->reason);
    mem_free(unavailable);
}

static const struct table_driver unavailable_driver = {
    .type = "unavailable",
    .lookup = unavailable_lookup,
    .close = unavailable_close,
};

struct table *table_unavailable(const char *spec, const char *reason)
{
    struct unavailable *unavailable = mem_new(struct unavailable);

    unavailable->reason = mem_dup_text(reason);
    return table_finish(&unavailable->table, &unavailable_driver, spec, &no_options);
}

struct table *table_open_anyway(const char *spec, const struct table_options *options,
                                struct error *error)
{
    struct error reason = ERROR_INIT;
    struct table *table = table_open(spec, options, &reason);

    if (table)
        return table;
    if (error)
        *error = reason;
    return table_unavailable(spec, reason.text);
}

/* -- asking ----------------------------------------------------------------------------------
 */

void table_close(struct table *table)
{
    char *spec;

    if (!table)
        return;
    spec = table->spec;
    table->driver->close(table);
    mem_free(spec);
}

enum table_result table_lookup(struct table *table, struct slice key, struct buf *value,
                               struct error *error)
{
    CLEANUP(buf_release) struct buf folded = BUF_INIT;

    if (!table->binary_keys && !table_key_is_text(key)) {
        log_warning("%s: non-UTF-8 key \"%.*s\": malformed UTF-8 or invalid codepoint",
                    table->spec, SLICE_ARG(key));
        return TABLE_NOT_FOUND;
    }
    if (table->folds) {
        table_fold(&folded, key);
        key = buf_slice(&folded);
    }
    return table->driver->lookup(table, key, value, error);
}

int table_walk(struct table *table, table_entry_fn *entry, void *arg, struct error *error)
{
    if (!table->driver->walk)
        return error_set(error, ERROR_PERMANENT,
                         "table %s: sequence operation is not supported", table->spec);
    return table->driver->walk(table, entry, arg, error);
}

bool table_has_changed(struct table *table)
{
    return table->driver->has_changed && table->driver->has_changed(table);
}
