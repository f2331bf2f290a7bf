/*
 * master.cf from any bytes.
 */
#include "conf/master_cf.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(master_cf_release) struct master_cf master_cf;

    master_cf_init(&master_cf);
    (void)!master_cf_parse(&master_cf, slice_of(data, size), "master.cf", MASTER_CHROOT_NO,
                           NULL);
    return 0;
}
