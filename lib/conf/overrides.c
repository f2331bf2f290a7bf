#include "conf/overrides.h"

#include "conf/conf.h"
#include "conf/master_services.h"

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
    CLEANUP(master_cf_release) struct master_cf master_cf;
    struct error error;

    if (master_cf_load(&master_cf, MASTER_CHROOT_NO, &error) < 0)
        return;
    for (size_t i = 0; i < master_cf.n_services; i++)
        take_service(&master_cf.services[i], take);
}
