#include "conf/overrides.h"

#include "conf/conf.h"
#include "conf/master_cf.h"

static void take_service(const struct master_service *service, overrides_fn *take)
{
    for (size_t i = 0; i < service->n_overrides; i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        struct error error;

        if (main_cf_expand(conf_main_cf(), service->overrides[i].value, &value, &error) == 0)
            take(service->overrides[i].name, value.data);
    }
}

void overrides_each(overrides_fn *take)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(master_cf_release) struct master_cf master_cf;
    struct error error;

    master_cf_init(&master_cf);
    buf_printf(&path, "%s/master.cf", params.config_directory);
    if (master_cf_read(&master_cf, path.data, MASTER_CHROOT_NO, &error) < 0)
        return;
    for (size_t i = 0; i < master_cf.n_services; i++)
        take_service(&master_cf.services[i], take);
}
