/*
 * Bytes that any local user may send to public/qmgr: triggers and announcements.
 * links: qmgr/feeder qmgr/intake qmgr/finish qmgr/recipients qmgr/place qmgr/job qmgr/mail
 * links: qmgr/destination qmgr/transport qmgr/timer qmgr/feedback qmgr/clog
 */
#include <stdint.h>

#include "../../qmgr/feeder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    feeder_take_requests(slice_of(data, size));
    return 0;
}
