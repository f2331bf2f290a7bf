/*
 * The server behind a table: where it is, and connections to it that are kept between look-ups.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/list.h"
#include "base/slice.h"
#include "base/time.h"
#include "net/stream.h"

struct peer {
    char *path; /* of a Unix socket; NULL: */
    char *host; /* a name or an address */
    uint16_t port;
    char *text;        /* "127.0.0.1:2700", "/path": for messages */
    const char *label; /* in front of it there: "TCP map ", "" */
    struct list idle;
    size_t n_idle;
};

struct peer_connection {
    struct stream stream;
    struct list_link link;
    int64_t idle_since;
    bool is_reused; /* it may have been closed at the other end meanwhile */
};

/*
 * "host:port", "[2001:db8::1]:port", with a port number or name. Reads resolv.conf where a name
 * will have to be looked up, so call it before the jail. Permanent error: bad syntax.
 */
MUST_USE int peer_init_inet(struct peer *peer, struct slice text, struct error *error);
/* A path, relative to the queue directory. */
void peer_init_unix(struct peer *peer, struct slice path);
void peer_release(struct peer *peer);

/* An idle connection, or a new one. NULL: temporary error "connect to TEXT: why". */
MUST_USE MAY_WAIT struct peer_connection *peer_take(struct peer *peer, deadline_t until,
                                                    struct error *error);
/* Close it. */
void peer_drop(struct peer_connection *connection);

/*
 * Take a connection, do one exchange on it, give it back; once more over a new connection when
 * an idle one turned out to be dead. exchange returns 0, or -1 with *error; a connection that
 * is broken must have its stream->state say so.
 */
typedef int peer_exchange_fn(struct stream *stream, void *arg, struct error *error);
MUST_USE MAY_WAIT int peer_ask(struct peer *peer, deadline_t until, peer_exchange_fn *exchange,
                               void *arg, struct error *error);
