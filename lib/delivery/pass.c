#include "delivery/pass.h"

#include "base/log.h"
#include "ipc/delivery_client.h"

enum delivery_passed delivery_pass(struct delivery *delivery, const struct recipient *recipient,
                                   const char *transport, struct slice nexthop,
                                   struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct slice own_nexthop = slice_from(transport);
    struct slice name = slice_split(&own_nexthop, ':');
    const char *service = arena_printf(&delivery->arena, "private/%.*s", SLICE_ARG(name));
    struct delivery_job job = {.request = delivery->request,
                               .recipients = recipient,
                               .n_recipients = 1,
                               .deadline = DEADLINE_NONE};
    struct delivery_result result;

    job.request.transport = name;
    job.request.nexthop = own_nexthop.len > 0 ? own_nexthop : nexthop;
    log_info("%.*s: passing <%.*s> to transport=%.*s", SLICE_ARG(delivery->request.queue_id),
             SLICE_ARG(recipient->address), SLICE_ARG(name));
    switch (delivery_run(service, &job, &result, &storage, error)) {
    case DELIVERY_RUN_DONE:
        return result.n_left > 0 ? DELIVERY_PASSED_LEFT : DELIVERY_PASSED;
    case DELIVERY_RUN_UNREACHABLE:
    case DELIVERY_RUN_LOST:
        break;
    }
    return DELIVERY_NOT_PASSED;
}
