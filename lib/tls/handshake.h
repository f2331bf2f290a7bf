/*
 * The TLS handshake over a stream. Afterwards the stream is read and written as before, and
 * its release says goodbye to the peer without waiting.
 *
 * Logs what Postfix logs about a handshake, according to the level: 0 failures alone, 1 also
 * the summary, 2 also the steps, 3 also the bytes, 4 also those of what follows.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "net/stream.h"
#include "tls/context.h"
#include "tls/peer.h"

/* For the log. */
struct tls_log {
    const char *name;      /* "mail.example.com[192.0.2.1]", with ":25" in a client */
    int level;             /* ..._tls_loglevel */
    int trace_limit_bytes; /* ..._tls_trace_size_limit: of what levels 3 and 4 show */
};

/*
 * Wait for the client's handshake until the stream's deadline. Bytes that came in plain text
 * behind STARTTLS are dropped. On -1 the stream is of no
 * more use; *error is what the log says after "SSL_accept error from NAME: ", which has been
 * logged. *peer lives in the arena.
 */
MUST_USE MAY_WAIT int tls_accept(struct stream *stream, struct tls_context *context,
                                 const struct tls_log *log, struct arena *arena,
                                 struct tls_peer *peer, struct error *error);

/* A TLSA record (RFC 6698). */
struct tls_tlsa {
    unsigned char usage, selector, matching;
    struct slice data;
};

/* What makes the server the one that we want. */
enum tls_check {
    TLS_CHECK_NOTHING,
    TLS_CHECK_NAMES,        /* a trusted certificate with one of the names */
    TLS_CHECK_FINGERPRINTS, /* a certificate or key with one of the fingerprints */
    TLS_CHECK_TLSA,         /* one that a TLSA record describes (RFC 7672) */
};

struct tls_connect {
    struct tls_log log;
    const char *server_name; /* sent as SNI; NULL or "": none */
    struct tls_terms terms;
    enum tls_check check;
    /*
     * NAMES: "mail.example.com", or ".example.com" for any name below. TLSA with usage 2: the
     * names of the server (RFC 7672 section 3.2.2). FINGERPRINTS: hex with colons.
     */
    const char *const *matches;
    size_t n_matches;
    const struct tls_tlsa *tlsa;
    size_t n_tlsa;
    struct x509_store_st *trust_anchors; /* NAMES: in place of the authorities; NULL: those */
    struct slice session_id;             /* key in the session cache; empty: do not resume */
};

/* The client's side. Whether peer->trust is enough is for the caller to say. */
MUST_USE MAY_WAIT int tls_connect(struct stream *stream, struct tls_context *context,
                                  const struct tls_connect *options, struct arena *arena,
                                  struct tls_peer *peer, struct error *error);
