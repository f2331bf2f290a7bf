/*
 * The configuration of this process.
 */
#include "conf/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "conf/examine.h"
#include "conf/params_computed.h"
#include "conf/words.h"
#include "net/hostport.h"

/* One load; kept for ever, since its strings are. */
struct conf {
    struct conf *previous;
    struct main_cf main_cf;
    struct params normal, *stressed;  /* NULL: not asked for */
    struct buf notices;               /* lines for conf_log_warnings */
    struct buf mistakes;              /* values that were dropped: lines */
    const char *origin_file, *origin; /* what its first line says; NULL: not read */
    struct hash lookups[2];           /* what conf_lookup found: without and with stress */
};

static struct conf *current;

static struct conf *conf_new(void)
{
    struct conf *conf = mem_new(struct conf);

    main_cf_init(&conf->main_cf);
    conf->notices = BUF_INIT;
    conf->lookups[0] = conf->lookups[1] = HASH_INIT;
    return conf;
}

static void conf_free(struct conf *conf)
{
    main_cf_release(&conf->main_cf);
    buf_release(&conf->notices);
    buf_release(&conf->mistakes);
    hash_release(&conf->lookups[0], NULL);
    hash_release(&conf->lookups[1], NULL);
    mem_free(conf);
}

static bool list_has(const char *list, const char *directory)
{
    struct slice rest = slice_from(list);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals(word, directory))
            return true;
    }
    return false;
}

/* A set-gid program must not be lent to a main.cf that its caller wrote. */
static int check_trust(const char *directory, struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    CLEANUP(buf_release) struct buf known = BUF_INIT;

    main_cf_init(&main_cf);
    if (strcmp(directory, CONF_DEFAULT_DIRECTORY) == 0 || getuid() == 0 ||
        (getuid() == geteuid() && getgid() == getegid()))
        return 0;
    if (main_cf_read(&main_cf, CONF_DEFAULT_DIRECTORY "/main.cf", error) < 0)
        return -1;
    if (main_cf_value(&main_cf, "alternate_config_directories", &known, error) < 0)
        return -1;
    buf_add_char(&known, ' ');
    if (main_cf_value(&main_cf, "multi_instance_directories", &known, error) < 0)
        return -1;
    if (list_has(known.data, directory))
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "unauthorized configuration directory name: %s (expected %s, or one that "
                     "alternate_config_directories in %s/main.cf names)",
                     directory, CONF_DEFAULT_DIRECTORY, CONF_DEFAULT_DIRECTORY);
}

static int apply_overrides(struct main_cf *main_cf, const struct conf_request *request,
                           struct error *error)
{
    for (size_t i = 0; request && i < request->n_overrides; i++) {
        if (main_cf_override(main_cf, slice_from(request->overrides[i]), error) < 0)
            return error_context(error, "-o");
    }
    if (request && request->service)
        main_cf_set(main_cf, SLICE("service_name"), slice_from(request->service));
    params_compute_process(main_cf);
    return 0;
}

/*
 * mynetworks may need DNS: programs that do not read it neither wait for that nor mind when it
 * fails. Master does not read it but hands it on.
 */
static int compute(struct main_cf *main_cf, const char *program, struct error *error)
{
    const struct param_row *networks = param_row_find(SLICE("mynetworks"));
    bool is_reader = !program || param_row_is_read_by(networks, program);

    if (params_compute_host(main_cf, error) < 0)
        return -1;
    if (!is_reader && strcmp(program, "master") != 0)
        return 0;
    return params_compute_networks(main_cf, error) < 0 && is_reader ? -1 : 0;
}

static bool same_directory(const char *a, const char *b)
{
    CLEANUP(mem_free_text) char *left = realpath(a, NULL);
    CLEANUP(mem_free_text) char *right = realpath(b, NULL);

    return left && right && strcmp(left, right) == 0;
}

/* Programs are those of the installation, whatever an old main.cf says (DESIGN: running it). */
static void settle_directory(struct conf *conf, const char *name, const char *program,
                             const char **directory)
{
    const char *own = hash_get(&conf->main_cf.computed, slice_from(name));
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    if (!own || strcmp(own, *directory) == 0 || same_directory(own, *directory))
        return;
    buf_printf(&path, "%s/%s", own, program);
    if (access(path.data, X_OK) < 0)
        return;
    buf_printf(&conf->notices, "%s = %s is passed over: the programs in use are those in %s\n",
               name, *directory, own);
    *directory = own;
}

/* Forget the entry that "FILE, line N: text" complains of; false when there is none. */
static bool drop_entry(struct main_cf *main_cf, const char *complaint)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *value;

    while (hash_next(&main_cf->entries, &cursor, &name, &value)) {
        const struct main_cf_entry *entry = value;
        CLEANUP(buf_release) struct buf place = BUF_INIT;

        buf_printf(&place, "%s, line %d: ", entry->file, entry->line);
        if (entry->line > 0 && slice_starts_with(slice_from(complaint), place.data)) {
            (void)hash_remove(&main_cf->entries, name);
            return true;
        }
    }
    return false;
}

#define ORIGIN_FILE_MAX_BYTES ((size_t)64 << 10)

/* Debian's main.cf says "myorigin = /etc/mailname": the name is the first line of that file. */
static int read_origin(struct conf *conf, struct params *values, struct error *error)
{
    struct main_cf *main_cf = &conf->main_cf;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice rest, name;

    if (values->myorigin[0] != '/')
        return 0;
    if (conf->origin && strcmp(conf->origin_file, values->myorigin) == 0) {
        values->myorigin =
            conf->origin; /* the same name under stress, whatever happens to it */
        return 0;
    }
    if (file_read_all(values->myorigin, &text, ORIGIN_FILE_MAX_BYTES, error) < 0) {
        (void)error_context(error, "myorigin");
        return main_cf_context(main_cf, "myorigin", error);
    }
    rest = buf_slice(&text);
    name = slice_trim(slice_split(&rest, '\n'));
    if (name.len == 0) {
        error_set(error, ERROR_PERMANENT, "myorigin: there is no name in the first line of %s",
                  values->myorigin);
        return main_cf_context(main_cf, "myorigin", error);
    }
    conf->origin_file = values->myorigin;
    conf->origin = values->myorigin = arena_text(&main_cf->arena, name);
    return 0;
}

/* Fill *values, without the entries that are wrong where the request says so. */
static int load_set(struct conf *conf, struct params *values,
                    const struct conf_request *request, struct error *error)
{
    struct main_cf *main_cf = &conf->main_cf;
    const char *program = request ? request->program : NULL;

    while (params_load(values, main_cf, program, &main_cf->arena, error) < 0 ||
           read_origin(conf, values, error) < 0) {
        if (!request || !request->drops_mistakes || !drop_entry(main_cf, error->text))
            return -1;
        buf_printf(&conf->mistakes, "%s%s\n", error->text,
                   main_cf->stressed ? " (with stress=yes)" : "");
    }
    return 0;
}

static int load_params(struct conf *conf, const struct conf_request *request,
                       struct error *error)
{
    if (load_set(conf, &conf->normal, request, error) < 0)
        return -1;
    settle_directory(conf, "daemon_directory", "master", &conf->normal.daemon_directory);
    settle_directory(conf, "command_directory", "postconf", &conf->normal.command_directory);
    return 0;
}

static int load_stressed(struct conf *conf, const struct conf_request *request,
                         struct error *error)
{
    struct main_cf *main_cf = &conf->main_cf;
    struct params *stressed = arena_new(&main_cf->arena, struct params);

    main_cf->stressed = true;
    if (load_set(conf, stressed, request, error) < 0)
        return error_context(error, "with stress=yes");
    stressed->daemon_directory = conf->normal.daemon_directory;
    stressed->command_directory = conf->normal.command_directory;
    conf->stressed = stressed;
    main_cf->stressed = false;
    return 0;
}

static int read_files(struct main_cf *main_cf, const struct conf_request *request,
                      struct error *error)
{
    const char *directory = request->directory ? request->directory : getenv("MAIL_CONFIG");
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    if (!directory || !directory[0])
        directory = CONF_DEFAULT_DIRECTORY;
    if (request->trust == CONF_TRUST_NOBODY && check_trust(directory, error) < 0)
        return -1;
    buf_printf(&path, "%s/main.cf", directory);
    if (main_cf_read(main_cf, path.data, error) < 0)
        return -1;
    main_cf_set(main_cf, SLICE("config_directory"), slice_from(directory));
    return 0;
}

static int finish_load(struct conf *conf, const struct conf_request *request, bool with_stress,
                       struct error *error)
{
    if (load_params(conf, request, error) < 0 ||
        (with_stress && load_stressed(conf, request, error) < 0))
        return -1;
    if (setenv("MAIL_CONFIG", conf->normal.config_directory, 1) < 0)
        return error_set(error, ERROR_TEMPORARY, "set MAIL_CONFIG: %m");
    conf->previous = current;
    current = conf;
    params = conf->normal;
    unicode_use_idna2003(params.enable_idna2003_compatibility);
    service_ports_known(params.known_tcp_ports);
    return 0;
}

int conf_load(const struct conf_request *request, struct error *error)
{
    const char *program = request ? request->program : NULL;
    struct conf *conf = conf_new();

    if ((request && read_files(&conf->main_cf, request, error) < 0) ||
        apply_overrides(&conf->main_cf, request, error) < 0 ||
        compute(&conf->main_cf, program, error) < 0 ||
        finish_load(conf, request, request && request->with_stress, error) < 0) {
        conf_free(conf);
        return -1;
    }
    return 0;
}

int conf_adopt(struct slice bytes, const struct conf_request *request, struct error *error)
{
    bool overridden = request && request->n_overrides > 0;
    struct conf *conf = conf_new();

    if (main_cf_unserialize(&conf->main_cf, bytes, error) < 0 ||
        apply_overrides(&conf->main_cf, request, error) < 0 ||
        (overridden && compute(&conf->main_cf, request->program, error) < 0) ||
        finish_load(conf, request, true, error) < 0) {
        conf_free(conf);
        return -1;
    }
    return 0;
}

const struct main_cf *conf_main_cf(void)
{
    return &current->main_cf;
}

bool conf_uses_old_default(const char *name, const char *level)
{
    return current && !main_cf_find(&current->main_cf, slice_from(name)) &&
           !main_cf_level_is(&current->main_cf, level);
}

void conf_set_stress(bool stressed)
{
    params = stressed && current->stressed ? *current->stressed : current->normal;
    current->main_cf.stressed = stressed;
}

static void log_lines(const struct buf *lines)
{
    struct slice rest = buf_slice(lines);

    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');

        log_warning("%.*s", SLICE_ARG(line));
    }
}

/* Set to something other than its default, and nobody acts on it. */
static void log_unsupported(const struct main_cf *main_cf, const struct param_row *row)
{
    const struct main_cf_entry *entry = main_cf_find(main_cf, slice_from(param_name(row)));

    if (!entry || entry->line == 0)
        return;
    if (row->kind == PARAM_KIND_OLD && param_old_is_read(row)) {
        log_warning(
            "%s, line %d: support for parameter \"%s\" will be removed; instead, specify "
            "\"%s\"",
            entry->file, entry->line, param_name(row), param_replacement(row));
    } else if (row->kind == PARAM_KIND_OLD) {
        log_warning("%s, line %d: parameter \"%s\" is obsolete and has no effect", entry->file,
                    entry->line, param_name(row));
    } else if (row->state == PARAM_STATE_NOT_YET &&
               param_value_is_ignored(row, main_cf, entry->value)) {
        log_warning("%s, line %d: %s is not supported yet%s: the setting has no effect in %s",
                    entry->file, entry->line, param_name(row), param_obstacle(row),
                    param_owners(row));
    }
}

void conf_log_warnings(void)
{
    log_lines(&current->main_cf.warnings);
    log_lines(&current->notices);
    for (size_t i = 0; i < n_param_rows; i++)
        log_unsupported(&current->main_cf, &param_rows[i]);
}

void conf_log_service_warnings(const struct master_service *service)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        const struct master_override *override = &service->overrides[i];
        const struct param_row *row = param_row_find(slice_from(override->name));

        if (row && row->state == PARAM_STATE_NOT_YET &&
            param_value_is_ignored(row, &current->main_cf, override->value)) {
            log_warning("%s, line %d: -o %s is not supported yet%s: the setting has no effect "
                        "in %s (service %s)",
                        service->file, service->line, override->name, param_obstacle(row),
                        service->program, service->name);
        }
    }
}

const struct buf *conf_notices(void)
{
    return &current->notices;
}

const struct buf *conf_mistakes(void)
{
    return &current->mistakes;
}

/* Keep a value for the life of the process, once. */
static const char *remember(struct slice name, const struct buf *value)
{
    char *text = arena_text(&current->main_cf.arena, buf_slice(value));

    (void)hash_set(&current->lookups[current->main_cf.stressed], name, text);
    return text;
}

const char *conf_lookup(const char *name)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    const char *known =
        hash_get(&current->lookups[current->main_cf.stressed], slice_from(name));

    if (known)
        return known;
    if (!main_cf_raw(&current->main_cf, slice_from(name)) ||
        main_cf_value(&current->main_cf, name, &value, NULL) < 0)
        return NULL;
    return remember(slice_from(name), &value);
}

/* Append the expanded text of <service>_<suffix>. */
static const struct param_row *service_value(const char *service, const char *suffix,
                                             struct buf *value, struct error *error)
{
    const struct param_row *row = param_template_row(suffix);
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    const char *raw;

    bug_if(!row);
    buf_printf(&name, "%s_%s", service, suffix);
    raw = main_cf_raw(&current->main_cf, buf_slice(&name));
    if (main_cf_expand(&current->main_cf, raw ? raw : param_default(row), value, error) < 0) {
        (void)error_context(error, "%s", name.data);
        return NULL;
    }
    return row;
}

int conf_service_number(const char *service, const char *suffix, int64_t *number,
                        struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    const struct param_row *row = service_value(service, suffix, &value, error);

    if (!row)
        return -1;
    if (param_parse_number(row, buf_slice(&value), param_default_unit(row, &current->main_cf),
                           number, error) < 0)
        return error_context(error, "%s_%s", service, suffix);
    return 0;
}

const char *conf_service_text(const char *service, const char *suffix, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    const char *known;

    buf_printf(&name, "%s_%s", service, suffix);
    known = hash_get(&current->lookups[current->main_cf.stressed], buf_slice(&name));
    if (known)
        return known;
    if (!service_value(service, suffix, &value, error))
        return NULL;
    return remember(buf_slice(&name), &value);
}
