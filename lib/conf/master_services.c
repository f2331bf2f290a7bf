#include "conf/master_services.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/main_cf.h"
#include "conf/params.h"
#include "conf/words.h"

/* They are not shown by postconf -M, which speaks of the file. */
static const struct {
    const char *name;
    enum master_type type;
    const char *program;
    const char *line;
} needed[] = {
    {"cleanup", MASTER_TYPE_UNIX, "cleanup", "cleanup unix n - n - 0 cleanup"},
    {"rewrite", MASTER_TYPE_UNIX, "trivial-rewrite", "rewrite unix - - n - - trivial-rewrite"},
    {"bounce", MASTER_TYPE_UNIX, "bounce", "bounce unix - - n - 0 bounce"},
    {"defer", MASTER_TYPE_UNIX, "bounce", "defer unix - - n - 0 bounce"},
    {"trace", MASTER_TYPE_UNIX, "bounce", "trace unix - - n - 0 bounce"},
    {"verify", MASTER_TYPE_UNIX, "verify", "verify unix - - n - 1 verify"},
    {"flush", MASTER_TYPE_UNIX, "flush", "flush unix n - n 1000? 0 flush"},
    {"proxymap", MASTER_TYPE_UNIX, "proxymap", "proxymap unix - - n - - proxymap"},
    {"proxywrite", MASTER_TYPE_UNIX, "proxymap", "proxywrite unix - - n - 1 proxymap"},
    {"showq", MASTER_TYPE_UNIX, "showq", "showq unix n - n - - showq"},
    {"error", MASTER_TYPE_UNIX, "error", "error unix - - n - - error"},
    {"retry", MASTER_TYPE_UNIX, "error", "retry unix - - n - - error"},
    {"discard", MASTER_TYPE_UNIX, "discard", "discard unix - - n - - discard"},
    {"anvil", MASTER_TYPE_UNIX, "anvil", "anvil unix - - n - 1 anvil"},
    {"sasl", MASTER_TYPE_UNIX, "sasl", "sasl unix - - n - - sasl"},
    {"sasltoken", MASTER_TYPE_UNIX, "sasltoken", "sasltoken unix - n n - 1 sasltoken"},
    {"tlsmgr", MASTER_TYPE_UNIX, "tlsmgr", "tlsmgr unix - - n 1000? 1 tlsmgr"},
    {"tlskey", MASTER_TYPE_UNIX, "tlskey", "tlskey unix - - n - - tlskey"},
    {"postlog", MASTER_TYPE_UNIX_DGRAM, "postlogd", "postlog unix-dgram n - n - 1 postlogd"},
};

int master_cf_load(struct master_cf *master_cf, enum master_chroot chroot, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    master_cf_init(master_cf);
    buf_printf(&path, "%s/master.cf", params.config_directory);
    return master_cf_read(master_cf, path.data, chroot, error);
}

static bool has_program(const char *directory, const char *program)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", directory, program);
    return access(path.data, X_OK) == 0;
}

int master_cf_add_needed(struct master_cf *master_cf, const char *daemon_directory,
                         struct error *error)
{
    CLEANUP(buf_release) struct buf lines = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!master_cf_find(master_cf, needed[i].name, needed[i].type) &&
            has_program(daemon_directory, needed[i].program))
            buf_printf(&lines, "%s\n", needed[i].line);
    }
    return master_cf_parse(master_cf, buf_slice(&lines), "built-in services", MASTER_CHROOT_NO,
                           error);
}

bool master_service_has_moved(const struct master_service *service,
                              const char *daemon_directory)
{
    static const char *const moved[] = {"scache", "tlsproxy", "dnsblog", "tlsmgr"};

    for (size_t i = 0; i < ARRAY_SIZE(moved); i++) {
        if (strcmp(service->program, moved[i]) == 0)
            return !has_program(daemon_directory, service->program);
    }
    return false;
}

/* "smtp/inet", "inet", and with "!" in front exceptions. */
bool master_service_is_disabled(const struct master_service *service, const char *disabled)
{
    struct slice rest = slice_from(disabled);
    const char *type = master_type_name(service->type);
    CLEANUP(buf_release) struct buf title = BUF_INIT;
    struct slice word;

    buf_printf(&title, "%s/%s", service->name, type);
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        bool exception = slice_starts_with(word, "!");

        word = slice_from_offset(word, exception);
        if (slice_equals_nocase(word, type) || slice_equals_nocase(word, title.data))
            return !exception;
    }
    return false;
}

int master_service_main_cf(const struct master_service *service, struct slice main_cf,
                           struct main_cf *own, struct error *error)
{
    main_cf_init(own);
    if (main_cf_unserialize(own, main_cf, error) < 0)
        return -1;
    for (size_t i = 0; i < service->n_overrides; i++)
        main_cf_set(own, slice_from(service->overrides[i].name),
                    slice_from(service->overrides[i].value));
    return 0;
}

int master_service_check_values(const struct master_service *service, const struct main_cf *own,
                                struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    static struct params checked; /* large, and of no interest afterwards */

    if (params_load(&checked, own, NULL, &arena, error) == 0)
        return 0;
    return error_context(error, "%s: line %d: service %s %s", service->file, service->line,
                         service->name, master_type_name(service->type));
}

int master_service_check_overrides(const struct master_service *service, struct slice main_cf,
                                   struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf own;

    main_cf_init(&own);
    if (service->n_overrides == 0)
        return 0;
    if (master_service_main_cf(service, main_cf, &own, error) < 0)
        return -1;
    return master_service_check_values(service, &own, error);
}
