/*
 * Bytes that any local user may send to public/qmgr: triggers and announcements.
 * links: qmgr/
 */
#include <stdint.h>

#include "../../qmgr/feeder.h"
#include "conf/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Waiting until there is room is for coroutines. */
    feeder_stop();
    params.qmgr_message_active_limit = params.qmgr_message_recipient_limit = 1;
    feeder_take_requests(slice_of(data, size));
    return 0;
}
