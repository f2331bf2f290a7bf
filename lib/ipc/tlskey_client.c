#include "ipc/tlskey_client.h"

#include "co/co.h"
#include "ipc/client.h"

#define SERVICE "private/tlskey"

/* Signing takes the worker's CPU: more connections at a time would not be faster. */
#define CONCURRENCY_MAX 8

static unsigned n_under_way;
static struct co_queue turns;

int tlskey_load(const struct tlskey_pairs *pairs, deadline_t until, struct tlskey_chains *reply,
                struct buf *storage, struct error *error)
{
    return client_request(SERVICE,
                          &(struct client_exchange){MESSAGE_tlskey_pairs, pairs,
                                                    MESSAGE_tlskey_chains, reply, storage},
                          until, error);
}

/* False when the time is over. */
static bool wait_for_turn(deadline_t until)
{
    if (!co_self())
        return true;
    while (n_under_way >= CONCURRENCY_MAX) {
        if (co_wait(&turns, until) != WAKE_READY) {
            co_wake_one(&turns); /* what may have been meant for us */
            return false;
        }
    }
    return true;
}

static int ask(const struct tlskey_use *use, deadline_t until, struct buf *result,
               struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct tlskey_result reply;

    if (client_request(SERVICE,
                       &(struct client_exchange){MESSAGE_tlskey_use, use, MESSAGE_tlskey_result,
                                                 &reply, &storage},
                       until, error) < 0)
        return -1;
    if (reply.status != 0)
        return error_set(error, ERROR_TEMPORARY, SERVICE ": %.*s", SLICE_ARG(reply.reason));
    buf_set(result, reply.result);
    return 0;
}

int tlskey_use(const struct tlskey_use *use, deadline_t until, struct buf *result,
               struct error *error)
{
    if (!wait_for_turn(until))
        return error_set(error, ERROR_TEMPORARY, SERVICE ": no answer in time");
    n_under_way++;
    int status = ask(use, until, result, error);

    n_under_way--;
    co_wake_one(&turns);
    return status;
}
