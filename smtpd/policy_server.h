/*
 * check_policy_service: the servers, and the connections to them that are kept.
 *
 * A transaction that has asked a server stays on that connection until it is over, since
 * servers tie what they remember of a message to it; then the connection serves others.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct policy_connection;

/* The connections that a transaction stays on; zero-initialized. */
struct policy_hold {
    struct policy_connection *first;
};

struct policy_server {
    const char *name;           /* "inet:127.0.0.1:9998": for the log */
    const char *default_action; /* what follows when it cannot be asked */
    const char *policy_context;
};

/*
 * The server of "inet:host:port", or "inet:host:port, name = value, { name = value } ..." with
 * its own timeout, max_idle, max_ttl, request_limit, try_limit, retry_delay, default_action and
 * policy_context. The same text gives the same server, which lives as long as the process.
 * NULL: permanent error.
 */
struct policy_server *policy_server_find(struct slice text, struct error *error);

/*
 * Ask; request is the whole of it with its empty line. hold may be NULL: outside of a
 * transaction. 0 with the action, which may be empty; -1 when the server did not answer within
 * its time and number of tries, which has been logged.
 */
MUST_USE MAY_WAIT int policy_server_ask(struct policy_server *server, struct policy_hold *hold,
                                        struct slice request, struct buf *action);

/* The transaction is over: its connections serve others. */
void policy_release(struct policy_hold *hold);

/*
 * Read one reply: lines "name=value" up to an empty one; the value of "action" is kept, the
 * last one counts. Lines and replies are bounded. 0 with *has_action; -1 when the connection
 * ended or broke off first. name is for the log.
 */
struct stream;
MUST_USE MAY_WAIT int policy_read_reply(struct stream *stream, const char *name,
                                        struct buf *action, bool *has_action);
