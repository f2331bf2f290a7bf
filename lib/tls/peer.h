/*
 * What is known of a TLS connection and of who is at its other end.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

enum tls_trust {
    TLS_ANONYMOUS, /* no certificate */
    TLS_UNTRUSTED, /* a certificate that leads to no trusted authority */
    TLS_TRUSTED,   /* one that does */
    TLS_VERIFIED,  /* and is that of the peer whom we wanted (client) */
};

/* A signature of the handshake: "RSA-PSS (2048 bits) server-digest SHA256". */
struct tls_signature_fact {
    const char *name;  /* "RSA-PSS", "ECDSA", ...; NULL: unknown */
    const char *curve; /* "prime256v1", or NULL: bits */
    int bits;
    const char *digest; /* "SHA256", or NULL */
};

/* Texts live as long as the arena that it was made with. */
struct tls_peer {
    const char *protocol; /* "TLSv1.3" */
    const char *cipher;   /* "TLS_AES_256_GCM_SHA384" */
    int used_bits, algorithm_bits;
    const char *kex_name, *kex_curve; /* "ECDHE", "prime256v1"; may be NULL */
    int kex_bits;
    struct tls_signature_fact server_signature, client_signature;

    enum tls_trust trust;
    const char *distrust;     /* UNTRUSTED, TRUSTED: "untrusted issuer ...", why not more */
    bool was_asked;           /* server: the client was asked for a certificate */
    bool is_resumed;          /* of an earlier session */
    bool ticket_is_new;       /* client: there is a new session to be kept */
    struct slice sni;         /* the name asked for; empty: none, or (server) not known to us */
    struct slice subject;     /* common name; empty: none */
    struct slice issuer;      /* common name or organization of the issuer */
    struct slice fingerprint; /* of the certificate, "AA:BB:..." in the context's digest */
    struct slice key_fingerprint; /* of its public key */
};

/* Nobody, in plain text. */
#define TLS_PEER_NONE                          \
    ((struct tls_peer){.protocol = "",         \
                       .cipher = "",           \
                       .sni = {"", 0},         \
                       .subject = {"", 0},     \
                       .issuer = {"", 0},      \
                       .fingerprint = {"", 0}, \
                       .key_fingerprint = {"", 0}})

/*
 * "Anonymous TLS connection established from NAME: TLSv1.3 with cipher ..." as Postfix logs it
 * at log level 1. direction is "from" (server) or "to" (client).
 */
void tls_peer_summary(const struct tls_peer *peer, const char *direction, const char *name,
                      struct buf *line);
/* " key-exchange X25519 server-signature ...": the end of that line; empty when unknown. */
void tls_peer_details(const struct tls_peer *peer, struct buf *line);
