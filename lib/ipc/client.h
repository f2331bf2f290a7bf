/*
 * Client side of a service: a pool of idle connections for each socket, reused over requests.
 *
 *     CLEANUP(client_call_release) struct client_call call;
 *
 *     if (client_call_begin(&call, "private/bounce", deadline, error) < 0 ||
 *         channel_send(call.channel, MESSAGE_bounce_append, &append, error) < 0 ||
 *         channel_expect(call.channel, MESSAGE_bounce_result, &result, error) < 0)
 *         return -1;
 *     client_call_done(&call);
 *
 * The plain request with one reply is client_request, which also repeats silently a request
 * that crossed the server's goodbye.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "ipc/channel.h"

/* A request is made again so often at the most; then something else is wrong. */
#define CLIENT_REPEATS_MAX 3

struct client_call {
    struct channel *channel;
    const char *service;  /* "private/bounce": socket path relative to the queue directory */
    bool is_reused;       /* the connection was idle in the pool before */
    int64_t bytes_before; /* what had been read from it by then */
    int n_repeats;
};

/*
 * Take an idle connection or make a new one. service must be a literal or live as long as the
 * process. The deadline is that of the whole call. Temporary error naming the service.
 */
MUST_USE MAY_WAIT int client_call_begin(struct client_call *call, const char *service,
                                        deadline_t until, struct error *error);
/*
 * After the first exchange of a call failed: true when the server cannot have begun with it,
 * for it said goodbye, or had closed the connection while that was idle; and not too often yet.
 * For requests that may be made again where a server died of them.
 */
MUST_USE bool client_call_may_repeat(const struct client_call *call);
/* The same call over a fresh connection. On failure the call has none. */
MUST_USE MAY_WAIT int client_call_begin_anew(struct client_call *call, deadline_t until,
                                             struct error *error);
/* The call ended well: the connection goes back to the pool. */
void client_call_done(struct client_call *call);
/* Close the connection unless the call is done; for CLEANUP. */
void client_call_release(struct client_call *call);

/* One request and its one reply. */
struct client_exchange {
    enum message_number number;
    const void *message;
    enum message_number reply_number;
    void *reply;
    struct buf *storage; /* the reply's texts lie here */
};

/*
 * Ask and wait for the answer. Repeats over a fresh connection when the server said goodbye, or
 * when an idle one turned out to be closed before anything came back. Temporary error that
 * names the service.
 */
MUST_USE MAY_WAIT int client_request(const char *service,
                                     const struct client_exchange *exchange, deadline_t until,
                                     struct error *error);

/*
 * Send trigger bytes to a service socket or fifo ("public/qmgr", "W") and close; does not wait
 * for an answer. Temporary error when nobody listens.
 */
MUST_USE MAY_WAIT int client_trigger(const char *service, struct slice bytes, deadline_t until,
                                     struct error *error);

/* Idle connections are closed after this many milliseconds (ipc_idle), and at once by reset. */
void client_set_idle_limit(int64_t ms);
void client_reset(void);
