/*
 * discard: the agent that delivers to nowhere. The nexthop is the text for the log, with or
 * without an enhanced status code in front.
 */
#include "conf/params.h"
#include "delivery/delivery.h"
#include "worker/worker.h"

static void discard_all(struct delivery *delivery)
{
    struct slice text = delivery->request.nexthop;
    struct dsn dsn;

    delivery_dsn(delivery, &dsn, "2.0.0", "%s", text.ptr);
    if (dsn_status_parse(text, dsn.status, &text))
        dsn.reason = text;
    for (size_t i = 0; i < delivery->n_recipients; i++)
        delivery_sent(delivery, &delivery->recipients[i], SLICE("none"), &dsn);
}

static int serve_request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, discard_all);
}

static const struct worker discard_worker = {
    .name = "discard",
    .sessions_per_process = 1000,
    .request = serve_request,
};

int main(int argc, char **argv)
{
    return worker_main(&discard_worker, argc, argv);
}
