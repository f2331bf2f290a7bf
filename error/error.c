/*
 * error and retry: the agents for destinations that cannot be delivered to. The nexthop is the
 * reason, with or without an enhanced status code in front ("5.1.6 user has moved").
 */
#include "conf/params.h"
#include "delivery/delivery.h"
#include "worker/worker.h"

/* Under the name "retry" mail is deferred, under any other it bounces. */
static bool defers(void)
{
    return slice_equals(slice_from(worker_service()), "retry");
}

static void refuse_all(struct delivery *delivery)
{
    struct slice text = delivery->request.nexthop;
    struct dsn dsn;

    delivery_dsn(delivery, &dsn, defers() ? "4.0.0" : "5.0.0", "%s", text.ptr);
    if (dsn_status_parse(text, dsn.status, &text))
        dsn.reason = text;
    for (size_t i = 0; i < delivery->n_recipients; i++) {
        if (defers())
            delivery_deferred(delivery, &delivery->recipients[i], SLICE("none"), &dsn);
        else
            delivery_bounced(delivery, &delivery->recipients[i], SLICE("none"), &dsn);
    }
}

static int serve_request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, refuse_all);
}

static const struct worker error_worker = {
    .name = "error",
    .sessions_per_process = 1000,
    .before_jail = delivery_open,
    .request = serve_request,
};

int main(int argc, char **argv)
{
    return worker_main(&error_worker, argc, argv);
}
