#include "check.h"

#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "resolver.h"
#include "running.h"
#include "spool.h"
#include "worker/logging.h"

struct place check_place(const char *kind, const struct setting *setting)
{
    return (struct place){.kind = kind, .file = setting->file, .line = setting->line};
}

/* -- the settings
 * ------------------------------------------------------------------------------
 */

static int by_line(const void *a, const void *b)
{
    const struct main_cf_entry *const *left = a, *const *right = b;

    return ((*left)->line > (*right)->line) - ((*left)->line < (*right)->line);
}

const struct main_cf *check_main_cf_of(const struct check *check,
                                       const struct master_service *service)
{
    bool is_own = service && service->n_overrides > 0;

    return is_own ? &check->service_main_cf[service - check->master_cf.services]
                  : check->main_cf;
}

static void add_setting(struct check *check, struct setting setting, const char *raw)
{
    const struct main_cf *main_cf = check_main_cf_of(check, setting.service);
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (main_cf_expand(main_cf, raw, &value, &error) < 0) {
        report(check->report, SEVERITY_ERROR, check_place("bad-value", &setting), "%s: %s",
               setting.name, error.text);
        return;
    }
    setting.value = arena_text(&check->arena, buf_slice(&value));
    check->settings[check->n_settings++] = setting;
}

static void collect_main(struct check *check)
{
    size_t n;
    const struct main_cf_entry **entries = main_cf_sorted(check->main_cf, by_line, &n);

    for (size_t i = 0; i < n; i++) {
        if (entries[i]->line > 0) {
            add_setting(check,
                        (struct setting){.name = entries[i]->name,
                                         .file = entries[i]->file,
                                         .line = entries[i]->line},
                        entries[i]->value);
        }
    }
    mem_free(entries);
}

static void collect_settings(struct check *check)
{
    size_t n = check->main_cf->entries.n_entries;

    for (size_t i = 0; i < check->n_own_services; i++)
        n += check->master_cf.services[i].n_overrides;
    check->settings = arena_array(&check->arena, struct setting, n + 1);
    collect_main(check);
    for (size_t i = 0; i < check->n_own_services; i++) {
        const struct master_service *service = &check->master_cf.services[i];

        for (size_t o = 0; o < service->n_overrides; o++) {
            add_setting(check,
                        (struct setting){.name = service->overrides[o].name,
                                         .file = service->file,
                                         .line = service->line,
                                         .service = service},
                        service->overrides[o].value);
        }
    }
}

/* -- as a whole
 * --------------------------------------------------------------------------------
 */

static void report_lines(struct report *to, enum severity severity, const char *kind,
                         const struct buf *lines)
{
    struct slice rest = buf_slice(lines);

    while (rest.len > 0)
        report_located(to, severity, kind, slice_split(&rest, '\n'));
}

static int read_master_cf(struct check *check, struct error *error)
{
    if (master_cf_load(&check->master_cf, MASTER_CHROOT_NO, error) < 0)
        return -1;
    check->n_own_services = check->master_cf.n_services;
    return master_cf_add_needed(&check->master_cf, params.daemon_directory, error);
}

/* Forget the override that the error is about; false when it is about none. */
static bool drop_override(const struct master_service *service, struct main_cf *own,
                          const char *complaint)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        struct slice name = slice_from(service->overrides[i].name);
        CLEANUP(buf_release) struct buf mark = BUF_INIT;

        buf_printf(&mark, " %.*s = ", SLICE_ARG(name));
        if (slice_find_text(slice_from(complaint), buf_slice(&mark)) < strlen(complaint) &&
            hash_remove(&own->entries, name))
            return true;
    }
    return false;
}

static void check_values_of(struct check *check, const struct master_service *service,
                            struct main_cf *own)
{
    struct error error;

    while (service->n_overrides > 0 && master_service_check_values(service, own, &error) < 0) {
        report_located(check->report, SEVERITY_ERROR, "bad-value", slice_from(error.text));
        if (!drop_override(service, own, error.text))
            return;
    }
}

static void check_overrides(struct check *check)
{
    CLEANUP(buf_release) struct buf main_cf = BUF_INIT;

    main_cf_serialize(check->main_cf, &main_cf);
    check->service_main_cf =
        arena_array(&check->arena, struct main_cf, check->n_own_services + 1);
    for (size_t i = 0; i < check->n_own_services; i++) {
        const struct master_service *service = &check->master_cf.services[i];
        struct main_cf *own = &check->service_main_cf[i];
        struct error error;

        if (master_service_main_cf(service, buf_slice(&main_cf), own, &error) < 0)
            report_located(check->report, SEVERITY_ERROR, "bad-value", slice_from(error.text));
        else
            check_values_of(check, service, own);
    }
}

int check_open(struct check *check, struct report *report)
{
    struct error error;

    *check = (struct check){.report = report, .main_cf = conf_main_cf(), .arena = ARENA_INIT};
    report_lines(report, SEVERITY_WARNING, "main.cf", &check->main_cf->warnings);
    report_lines(report, SEVERITY_ERROR, "main.cf", conf_mistakes());
    report_lines(report, SEVERITY_WARNING, "main.cf", conf_notices());
    if (read_master_cf(check, &error) < 0) {
        report_located(report, SEVERITY_ERROR, "master.cf", slice_from(error.text));
        return -1;
    }
    report_lines(report, SEVERITY_WARNING, "master.cf", &check->master_cf.warnings);
    check->is_running = instance_is_running();
    check_overrides(check);
    collect_settings(check);
    return 0;
}

void check_release(struct check *check)
{
    for (size_t i = 0; check->service_main_cf && i < check->n_own_services; i++)
        main_cf_release(&check->service_main_cf[i]);
    master_cf_release(&check->master_cf);
    arena_release(&check->arena);
}

static void check_spool(struct check *check)
{
    struct error error;

    if (!check_places(check))
        return;
    if (spool_create(&error) < 0)
        report_located(check->report, SEVERITY_ERROR, "spool", slice_from(error.text));
    else
        spool_check(check->report);
}

static void check_all(struct report *to)
{
    CLEANUP(check_release) struct check check = {.arena = ARENA_INIT};

    if (check_open(&check, to) < 0)
        return;
    check_parameters(&check);
    check_spool(&check);
    check_services(&check);
    check_listeners(&check);
    check_files(&check);
    check_tables(&check);
    check_restrictions(&check);
    check_tls(&check);
    check_destinations(&check);
    check_clients(&check);
    check_milters(&check);
    check_peers(&check);
    resolver_check(&check);
}

static void parse_options(struct report *report, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        report->as_json = report->as_json || strcmp(argv[i], "-j") == 0;
}

int check_run(int argc, char **argv, const char *program)
{
    struct report report = {.as_json = false};

    parse_options(&report, argc, argv);
    if (!report.as_json)
        logging_open(program, LOGGING_COMMAND);
    check_all(&report);
    return report.count[SEVERITY_ERROR] > 0 ||
           (strcmp(program, "tassis") == 0 && report.count[SEVERITY_WARNING] > 0);
}

int check_unusable(int argc, char **argv, const char *why)
{
    struct report report = {.as_json = false};

    parse_options(&report, argc, argv);
    report_located(&report, SEVERITY_ERROR, "main.cf", slice_from(why));
    return 1;
}
