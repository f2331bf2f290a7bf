#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/master_services.h"
#include "master.h"

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

/* As in Postfix such a service fails when it is wanted; the others know nothing of it. */
static void warn_of_overrides(const struct master_cf *master_cf, struct slice main_cf)
{
    for (size_t i = 0; i < master_cf->n_services; i++) {
        struct error error;

        if (master_service_check_overrides(&master_cf->services[i], main_cf, &error) < 0)
            log_error("%s", error.text);
    }
}

static void log_old_chroots(const struct master_cf *master_cf)
{
    const char *const *fields;

    for (size_t i = 0; i < master_cf->n_services; i++) {
        const struct master_service *service = &master_cf->services[i];

        fields = service->fields;
        if (strcmp(fields[MASTER_FIELD_CHROOT], "-") == 0)
            log_info("%s: line %d: using backwards-compatible default setting chroot=y",
                     service->file, service->line);
    }
}

static int load_services(struct configuration *configuration, struct error *error)
{
    struct master_cf *master_cf = &configuration->master_cf;
    CLEANUP(buf_release) struct buf main_cf = BUF_INIT;
    bool chroots = !main_cf_level_is(conf_main_cf(), "1");

    if (master_cf_load(master_cf, chroots ? MASTER_CHROOT_YES : MASTER_CHROOT_NO, error) < 0)
        return -1;
    if (chroots)
        log_old_chroots(master_cf);
    if (master_cf_add_needed(master_cf, params.daemon_directory, error) < 0)
        return -1;
    main_cf_serialize(conf_main_cf(), &main_cf);
    warn_of_overrides(master_cf, buf_slice(&main_cf));
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
