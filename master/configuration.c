#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "master.h"

/*
 * Services that Tassis needs and that an old or short master.cf lacks. They are not shown by
 * postconf -M, which speaks of the file.
 */
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

static bool has_program(const char *program)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s", params.daemon_directory, program);
    return access(path.data, X_OK) == 0;
}

static int add_needed(struct master_cf *master_cf, struct error *error)
{
    CLEANUP(buf_release) struct buf lines = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!master_cf_find(master_cf, needed[i].name, needed[i].type) &&
            has_program(needed[i].program))
            buf_printf(&lines, "%s\n", needed[i].line);
    }
    return master_cf_parse(master_cf, buf_slice(&lines), "built-in services", MASTER_CHROOT_NO,
                           error);
}

/* What a service sets with -o must be as right as what main.cf sets. */
static int check_overrides(const struct master_service *service, struct slice main_cf,
                           struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf copy;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    static struct params checked; /* large, and of no interest afterwards */

    main_cf_init(&copy);
    if (service->n_overrides == 0)
        return 0;
    if (main_cf_unserialize(&copy, main_cf, error) < 0)
        return -1;
    for (size_t i = 0; i < service->n_overrides; i++)
        main_cf_set(&copy, slice_from(service->overrides[i].name),
                    slice_from(service->overrides[i].value));
    if (params_load(&checked, &copy, NULL, &arena, error) == 0)
        return 0;
    return error_context(error, "%s: line %d: service %s %s", service->file, service->line,
                         service->name, master_type_name(service->type));
}

static int make_memory_file(struct slice contents, struct error *error)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int fd = memfd_create("main.cf", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0 && fd_write_all(fd, contents.ptr, contents.len) == 0 &&
        fcntl(fd, F_ADD_SEALS, seals) == 0)
        return fd;
    error_set(error, ERROR_TEMPORARY, "memory file for the configuration: %m");
    fd_close(&fd);
    return -1;
}

static int load_services(struct configuration *configuration, struct error *error)
{
    struct master_cf *master_cf = &configuration->master_cf;
    CLEANUP(buf_release) struct buf main_cf = BUF_INIT;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    bool chroots = !main_cf_level_is(conf_main_cf(), "1");

    buf_printf(&path, "%s/master.cf", params.config_directory);
    if (master_cf_read(master_cf, path.data, chroots ? MASTER_CHROOT_YES : MASTER_CHROOT_NO,
                       error) < 0 ||
        add_needed(master_cf, error) < 0)
        return -1;
    main_cf_serialize(conf_main_cf(), &main_cf);
    for (size_t i = 0; i < master_cf->n_services; i++) {
        if (check_overrides(&master_cf->services[i], buf_slice(&main_cf), error) < 0)
            return -1;
    }
    configuration->main_cf_fd = make_memory_file(buf_slice(&main_cf), error);
    return configuration->main_cf_fd < 0 ? -1 : 0;
}

int configuration_load(struct configuration **configuration, struct error *error)
{
    const struct conf_request request = {.trust = CONF_TRUST_CALLER, .with_stress = true};
    static struct params before;

    before = params;

    if (conf_load(&request, error) < 0)
        return -1;
    struct configuration *loaded = mem_new(struct configuration);

    loaded->main_cf_fd = -1;
    master_cf_init(&loaded->master_cf);
    if (load_services(loaded, error) < 0) {
        params = before;
        configuration_free(loaded);
        return -1;
    }
    *configuration = loaded;
    return 0;
}

void configuration_free(struct configuration *configuration)
{
    if (!configuration)
        return;
    master_cf_release(&configuration->master_cf);
    fd_close(&configuration->main_cf_fd);
    mem_free(configuration);
}
