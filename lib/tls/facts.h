/*
 * Reading struct tls_peer from a finished handshake. Private to lib/tls.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "tls/handshake.h"

/* Protocol, cipher, key exchange, signatures, certificate; trust is left ANONYMOUS or as the
 * chain says (UNTRUSTED, TRUSTED). digest is that of the fingerprints. */
void facts_read(struct tls_peer *peer, SSL *ssl, enum tls_role role, const char *digest,
                struct arena *arena);

/* Client: is it the server that was wanted? Raises or lowers peer->trust. */
void facts_check(struct tls_peer *peer, SSL *ssl, const struct tls_connect *options,
                 struct arena *arena);

/* Before the handshake: what OpenSSL is to know of that check. Temporary error. */
MUST_USE int facts_prepare(SSL *ssl, const struct tls_connect *options, struct error *error);
