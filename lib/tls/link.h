/*
 * One TLS connection beneath a stream: OpenSSL's object, and the bytes that it wants to send.
 *
 * OpenSSL reads from the socket through us, bounded, and writes into a buffer that goes out
 * with one send(2) when we are about to wait: so a flight of messages is one packet where it
 * fits, and what comes behind the handshake travels with it. Private to lib/tls.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "net/stream.h"
#include "tls/context.h"

struct tls_link {
    SSL *ssl;
    struct tls_context *context; /* counted */
    int fd;
    struct buf out; /* bytes of TLS that wait to be sent, from `sent` on */
    size_t sent;
    size_t accepted; /* of the write at hand: encrypted, not all of it sent */
    int saved_errno; /* of the last read or send; 0: none failed */
    bool has_failed; /* no goodbye */
    bool has_said_goodbye;
    bool is_drained; /* the last read has emptied the socket: to be cleared after a wait */

    /* What the client asks for: looked up between two steps of the handshake. */
    struct buf wanted_session;
    struct buf sni;
    bool has_looked_up;
    bool sni_is_known;

    X509 *culprit;              /* the certificate that could not be verified; counted */
    SSL_SESSION *found_session; /* server: of tlsmgr's cache, asked for by ID; counted */
    struct buf session_id;      /* client: key in the cache; empty: sessions are not kept */

    struct {
        char *name; /* whom log lines are about */
        int level;
        int64_t left; /* bytes that may still be shown */
        bool is_cut;
    } trace; /* tls/trace.h */
};

/* What an operation of OpenSSL came to. */
enum link_outcome {
    LINK_DONE,
    LINK_WANTS_READ,
    LINK_WANTS_LOOKUP, /* sni and the session's ID are to be looked up */
    LINK_CLOSED,
    LINK_FAILED,
};

/* A connection of the context's current pairs; NULL: OpenSSL has no memory. */
MUST_USE struct tls_link *link_new(struct tls_context *context, int fd, struct error *error);
void link_free(struct tls_link *link);

/* After an operation that returned `result`: call at once, the error queue is still its own. */
enum link_outcome link_outcome(struct tls_link *link, int result);

/* Send what is there without waiting. 0: all gone; 1: the socket is full; -1 with errno. */
int link_push(struct tls_link *link);

/* The link becomes the layer of the stream, which frees it. */
void link_attach(struct tls_link *link, struct stream *stream);
/* The link of the stream; NULL when that is in plain text. */
struct tls_link *link_of(const struct stream *stream);

/* The link whose object this is. */
struct tls_link *link_from_ssl(const SSL *ssl);
