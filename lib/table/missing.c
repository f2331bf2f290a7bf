/*
 * Building indexes at start and reload.
 */
#include "table/missing.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "table/build.h"
#include "table/mention.h"
#include "table/writer.h"

static bool is_missing(const char *path, const char *suffix)
{
    CLEANUP(buf_release) struct buf index = BUF_INIT;

    buf_printf(&index, "%s%s", path, suffix);
    return access(index.data, F_OK) < 0 && errno == ENOENT && access(path, R_OK) == 0;
}

static void build_if_missing(const struct table_mention *mention, enum build_syntax syntax)
{
    struct build_options options = {.syntax = syntax};
    const struct table_driver *driver = table_driver_find(mention->type);
    CLEANUP(mem_free_text) char *spec = slice_dup(mention->spec);
    CLEANUP(mem_free_text) char *path = slice_dup(mention->name);
    struct error error;

    if (!driver->writer || path[0] != '/' || !is_missing(path, driver->writer->suffix))
        return;
    if (table_build(spec, &options, &error) < 0)
        log_warning("%s has no index, and building it failed: %s", spec, error.text);
    else
        log_info("%s: built the missing index %s%s", spec, path, driver->writer->suffix);
}

/* All tables in the value of one parameter. */
static void build_of(const char *name, const char *value)
{
    struct slice parameter = slice_from(name), rest = slice_from(value);
    bool has_aliases =
        slice_equals(parameter, "alias_maps") || slice_equals(parameter, "alias_database");
    struct table_mention mention;

    while (table_mention_next(&rest, &mention))
        build_if_missing(&mention, has_aliases ? BUILD_ALIASES : BUILD_MAP);
}

static void build_of_parameter(const struct main_cf *main_cf, const char *name)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    /* What cannot be expanded is complained about by those who read it. */
    if (main_cf_value(main_cf, name, &value, &error) == 0)
        build_of(name, value.data);
}

static void build_of_override(const struct main_cf *main_cf,
                              const struct master_override *override)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (main_cf_expand(main_cf, override->value, &value, &error) == 0)
        build_of(override->name, value.data);
}

void tables_build_missing(const struct main_cf *main_cf, const struct master_cf *master_cf)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    /* First, since other parameters name the same files: local_recipient_maps. */
    build_of_parameter(main_cf, "alias_maps");
    build_of_parameter(main_cf, "alias_database");
    for (size_t i = 0; i < n_param_rows; i++) {
        if (param_rows[i].kind == PARAM_KIND_PLAIN && param_rows[i].type == PARAM_TYPE_STRING)
            build_of_parameter(main_cf, param_name(&param_rows[i]));
    }
    while (hash_next(&main_cf->entries, &cursor, &name, &entry))
        build_of_parameter(main_cf, ((const struct main_cf_entry *)entry)->name);
    for (size_t i = 0; i < master_cf->n_services; i++) {
        const struct master_service *service = &master_cf->services[i];

        for (size_t o = 0; o < service->n_overrides; o++)
            build_of_override(main_cf, &service->overrides[o]);
    }
}
