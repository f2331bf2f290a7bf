/*
 * tassis check: can the tables be opened, are they as new as their sources, do their servers
 * answer?
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "conf/params.h"
#include "conf/words.h"
#include "table/mention.h"
#include "table/table.h"
#include "table/writer.h"

/* No table has it, but a server that is down shows. */
#define UNLIKELY_KEY SLICE("postmaster@check.invalid")

struct tables {
    struct check *check;
    struct hash seen; /* specs: each is looked at once */
};

/* True, and reported: the index is there, and older than the text it is made from. */
static bool is_outdated(struct tables *tables, const struct setting *setting,
                        const struct table_mention *mention)
{
    const struct table_driver *driver = table_driver_find(mention->type);
    struct report *to = tables->check->report;
    CLEANUP(mem_free_text) char *source = slice_dup(mention->name);
    CLEANUP(buf_release) struct buf index = BUF_INIT;
    struct stat source_status, index_status;

    if (!driver->writer || source[0] != '/')
        return false;
    buf_printf(&index, "%s%s", source, driver->writer->suffix);
    if (stat(source, &source_status) < 0 || stat(index.data, &index_status) < 0)
        return false; /* an index alone is complete; a missing one does not open */
    if (index_status.st_mtim.tv_sec >= source_status.st_mtim.tv_sec)
        return false;
    report(to, SEVERITY_WARNING, check_place("table-older", setting),
           "%s: %.*s: %s is older than its source %s", setting->name, SLICE_ARG(mention->spec),
           index.data, source);
    return true;
}

static void ask(struct tables *tables, const struct setting *setting, struct table *table)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error = ERROR_INIT;

    if (table_lookup(table, UNLIKELY_KEY, &value, &error) == TABLE_ERROR)
        report(tables->check->report, SEVERITY_ERROR, check_place("table-unreachable", setting),
               "%s: %s does not answer: %s", setting->name, table->spec, error.text);
}

/* Those of a kind that answers from a server; "fail" and the like answer from nowhere. */
static bool is_asked(const struct table_driver *driver)
{
    return driver->may_block || driver->is_open_network ||
           strcmp(driver->type, "socketmap") == 0;
}

static bool is_own_service(const struct check *check, const struct table_mention *mention)
{
    struct socket_name name = {.kind = SOCKET_INET};

    return slice_equals(mention->type, "tcp") &&
           hostport_parse(&name.inet, mention->name, HOSTPORT_ALONE_IS_PORT, 0, NULL) == 0 &&
           check_will_serve(check, &name);
}

static bool is_to_be_built(const struct table_mention *mention)
{
    CLEANUP(mem_free_text) char *source = slice_dup(mention->name);

    return table_driver_find(mention->type)->writer && access(source, R_OK) == 0;
}

/* "unix:/path" is a socket where it is no table of the system's accounts. */
static bool is_socket(const struct table_mention *mention)
{
    return slice_equals(mention->type, "unix") &&
           memchr(mention->name.ptr, '/', mention->name.len);
}

/* What we make ourselves when it is first needed, in a directory that is there. */
static bool is_made_on_use(const struct setting *setting, const struct table_mention *mention)
{
    static const char *const suffixes[] = {"_session_cache_database", "_auth_cache_name",
                                           "address_verify_map", "postscreen_cache_map"};
    CLEANUP(mem_free_text) char *path = slice_dup(mention->name);
    char *slash = strrchr(path, '/');
    size_t i = 0;

    while (i < ARRAY_SIZE(suffixes) && !slice_ends_with(slice_from(setting->name), suffixes[i]))
        i++;
    if (i == ARRAY_SIZE(suffixes) || !slash || slash == path)
        return false;
    *slash = '\0';
    return access(path, W_OK) == 0;
}

static void check_mention(struct tables *tables, const struct setting *setting,
                          const struct table_mention *mention)
{
    CLEANUP(mem_free_text) char *spec = slice_dup(mention->spec);
    struct error error = ERROR_INIT;

    if (hash_has(&tables->seen, mention->spec) || is_socket(mention))
        return;
    (void)hash_set(&tables->seen, mention->spec, tables);
    if (slice_equals(mention->type, "proxy"))
        return; /* the table behind it is mentioned next */
    if (is_outdated(tables, setting, mention))
        return; /* opening it would say so again */
    struct table *table = table_open(spec, NULL, &error);

    if (!table && tables->check->builds_indexes && is_to_be_built(mention)) {
        report(tables->check->report, SEVERITY_NOTE, check_place("table-index", setting),
               "%s: %s has no index that we can read: it will be built", setting->name, spec);
        return;
    }
    if (!table && is_made_on_use(setting, mention))
        return;
    if (!table) {
        report(tables->check->report, SEVERITY_WARNING, check_place("table", setting), "%s: %s",
               setting->name, error.text);
        return;
    }
    if (is_asked(table->driver) && !is_own_service(tables->check, mention))
        ask(tables, setting, table);
    table_close(table);
}

static bool is_maps(const struct setting *setting)
{
    struct slice name = slice_from(setting->name);

    return slice_ends_with(name, "_maps") || slice_equals(name, "alias_database");
}

/* "foo:/etc/x" in a list of tables, where foo is no type of table. */
static void check_types(struct tables *tables, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value), word;

    while (is_maps(setting) && words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        struct slice name = word, type = slice_split(&name, ':');

        if (name.len > 0 && slice_equals(type, "proxy")) {
            word = name;
            type = slice_split(&name, ':');
        }
        if (type.len > 0 && type.len < word.len && type.ptr[0] != '/' &&
            !slice_starts_with(type, "!") && !table_driver_find(type))
            report(tables->check->report, SEVERITY_WARNING, check_place("table-type", setting),
                   "%s: unsupported table type: %.*s", setting->name, SLICE_ARG(word));
    }
}

/* These only permit what other parameters name. */
static bool is_permission(const struct setting *setting)
{
    return strcmp(setting->name, "proxy_read_maps") == 0 ||
           strcmp(setting->name, "proxy_write_maps") == 0;
}

static bool is_class(const struct check *check, const char *name)
{
    for (size_t i = 0; i < check->n_settings; i++) {
        struct slice rest = slice_from(check->settings[i].value), word;

        if (strcmp(check->settings[i].name, "smtpd_restriction_classes") != 0)
            continue;
        while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
            if (slice_equals(word, name))
                return true;
        }
    }
    return false;
}

/* A name of the user's own may hold half of a table: it counts where it is referred to. */
static bool is_part(const struct check *check, const struct setting *setting)
{
    return !setting->service && !param_row_find(slice_from(setting->name)) &&
           setting->line > 0 && !is_class(check, setting->name);
}

static void check_setting(struct tables *tables, const struct setting *setting)
{
    struct slice rest = slice_from(setting->value);
    struct table_mention mention;

    if (is_permission(setting) || is_part(tables->check, setting))
        return;
    check_types(tables, setting);
    while (table_mention_next(&rest, &mention))
        check_mention(tables, setting, &mention);
}

/* The aliases are the one table that is there without anybody saying so. */
static void check_default_aliases(struct tables *tables)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (main_cf_value(tables->check->main_cf, "alias_maps", &value, &error) == 0)
        check_setting(tables,
                      &(struct setting){.name = "alias_maps (default)", .value = value.data});
}

void check_tables(struct check *check)
{
    struct tables tables = {.check = check, .seen = HASH_INIT};

    table_allow_blocking();
    for (size_t i = 0; i < check->n_settings; i++)
        check_setting(&tables, &check->settings[i]);
    check_default_aliases(&tables);
    hash_release(&tables.seen, NULL);
}
