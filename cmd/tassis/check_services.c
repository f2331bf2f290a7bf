/*
 * tassis check: do the programs exist that master.cf wants to run, do the transports exist that
 * main.cf wants to use, and are the services of a running system there?
 */
#include <errno.h>
#include <paths.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "conf/master_services.h"
#include "conf/params.h"
#include "delivery/attributes.h"

struct place check_place_of(const char *kind, const struct master_service *service)
{
    return (struct place){kind, service->file, service->line};
}

static bool names_transport(const struct setting *setting)
{
    struct slice name = slice_from(setting->name);

    return slice_ends_with(name, "_transport") || slice_equals(name, "content_filter");
}

/*
 * Does the configuration itself count on it? Many a master.cf has services for programs that
 * may be installed one day; those that only tables name are not known here.
 */
static bool is_used(const struct check *check, const struct master_service *service)
{
    if (service->type != MASTER_TYPE_UNIX)
        return true;
    for (size_t i = 0; i < check->n_settings; i++) {
        struct slice rest = slice_from(check->settings[i].value);

        if (names_transport(&check->settings[i]) &&
            slice_equals(slice_split(&rest, ':'), service->name))
            return true;
    }
    return false;
}

static enum severity severity_of(const struct check *check,
                                 const struct master_service *service)
{
    return is_used(check, service) ? SEVERITY_ERROR : SEVERITY_NOTE;
}

static void check_program(struct check *check, const struct master_service *service)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", params.daemon_directory, service->program);
    if (access(path.data, X_OK) < 0)
        report(check->report, severity_of(check, service),
               check_place_of("missing-program", service), "service %s: %s: %m", service->name,
               path.data);
}

bool check_finds_program(const char *name)
{
    struct slice folders = slice_from(_PATH_DEFPATH), folder;

    if (strchr(name, '/'))
        return access(name, X_OK) == 0;
    while ((folder = slice_word(&folders, ":")).ptr) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;

        buf_printf(&path, "%.*s/%s", SLICE_ARG(folder), name);
        if (access(path.data, X_OK) == 0)
            return true;
    }
    errno = ENOENT;
    return false;
}

/* The value of "name=" among the arguments of pipe(8) and spawn(8), or NULL. */
static const char *attribute(const struct master_service *service, const char *name)
{
    for (size_t i = 0; i < service->n_arguments; i++) {
        if (slice_starts_with(slice_from(service->arguments[i]), name))
            return service->arguments[i] + strlen(name);
    }
    return NULL;
}

/* The words behind the options, which all services have. */
static size_t first_word(const struct master_service *service)
{
    for (size_t i = 0; i < service->n_arguments; i++) {
        const char *word = service->arguments[i];

        if (!word || word[0] != '-')
            return i;
        if (strcmp(word, "--") == 0)
            return i + 1;
        if (strcmp(word, "-o") == 0)
            i++; /* what it sets */
    }
    return service->n_arguments;
}

/* What is so wrong that the service would not run. */
static void check_words(struct check *check, const struct master_service *service)
{
    enum attributes_program program =
        strcmp(service->program, "pipe") == 0 ? ATTRIBUTES_OF_PIPE : ATTRIBUTES_OF_SPAWN;
    size_t first = first_word(service);
    struct attributes attributes;
    struct error error;

    if (attributes_parse(&attributes, program, (int)(service->n_arguments - first),
                         service->arguments + first, &check->arena, &error) == 0 ||
        strncmp(error.text, "unknown user", strlen("unknown user")) == 0) /* said elsewhere */
        return;
    report(check->report, is_used(check, service) ? SEVERITY_ERROR : SEVERITY_WARNING,
           check_place_of("bad-service", service), "service %s: %s", service->name, error.text);
}

/* "user=vmail:mail argv=/usr/bin/filter ..." of pipe and spawn. */
static void check_command(struct check *check, const struct master_service *service)
{
    const char *user = attribute(service, "user="), *command = attribute(service, "argv=");
    struct slice group = slice_from(user), name = slice_split(&group, ':');

    if (strcmp(service->program, "pipe") != 0 && strcmp(service->program, "spawn") != 0)
        return;
    if (command && !strchr(command, '$') && !check_finds_program(command))
        report(check->report, severity_of(check, service),
               check_place_of("missing-program", service), "service %s: %s: %m", service->name,
               command);
    check_words(check, service);
    if (!user || name.len == 0)
        return;
    CLEANUP(mem_free_text) char *user_name = slice_dup(name);

    if (!getpwnam(user_name))
        report(check->report, severity_of(check, service),
               check_place_of("missing-user", service), "service %s: user=%s: no such user",
               service->name, user_name);
}

/* The socket that clients of the running system look for. */
static void check_socket(struct check *check, const struct master_service *service)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    if (!check->is_running || service->type == MASTER_TYPE_INET)
        return;
    buf_printf(&path, "%s/%s/%s", params.queue_directory,
               service->is_private ? "private" : "public", service->name);
    if (access(path.data, F_OK) < 0)
        report(check->report, SEVERITY_WARNING, check_place_of("unreachable-service", service),
               "service %s: %s: %m (has the system been reloaded since the change?)",
               service->name, path.data);
}

bool check_is_started(const struct master_service *service)
{
    return !master_service_is_disabled(service, params.master_service_disable) &&
           !master_service_has_moved(service, params.daemon_directory);
}

/* -- transports
 * --------------------------------------------------------------------------------
 */

static void check_transport(struct check *check, const struct setting *setting)
{
    struct slice nexthop = slice_from(setting->value);
    CLEANUP(mem_free_text) char *transport = slice_dup(slice_split(&nexthop, ':'));

    if (!transport[0] || master_cf_find(&check->master_cf, transport, MASTER_TYPE_UNIX))
        return;
    report(check->report, SEVERITY_ERROR, check_place("missing-transport", setting),
           "%s = %s: master.cf has no service %s", setting->name, setting->value, transport);
}

void check_services(struct check *check)
{
    for (size_t i = 0; i < check->n_own_services; i++) {
        const struct master_service *service = &check->master_cf.services[i];

        if (!check_is_started(service))
            continue;
        check_program(check, service);
        check_command(check, service);
        check_socket(check, service);
    }
    for (size_t i = 0; i < check->n_settings; i++) {
        if (names_transport(&check->settings[i]))
            check_transport(check, &check->settings[i]);
    }
}
