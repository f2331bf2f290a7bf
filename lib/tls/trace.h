/*
 * What the higher levels of ..._tls_loglevel add to the log: at 2 the steps of the handshake
 * and the certificates, at 3 also its bytes, at 4 those of all that follows. Private to
 * lib/tls.
 */
#pragma once

#include <openssl/ssl.h>

#include "tls/handshake.h"
#include "tls/link.h"

#define TRACE_STEPS     2
#define TRACE_HANDSHAKE 3
#define TRACE_ALL       4

/*
 * From now on log what the level asks for; to be called before the handshake. Bytes are shown
 * for no more than tls_trace_rate_limit connections a second.
 */
void trace_begin(struct tls_link *link, const struct tls_log *log);
/* The handshake is over. */
void trace_handshake_end(struct tls_link *link);
void trace_release(struct tls_link *link);

/* A certificate of the peer's chain has been looked at. */
void trace_certificate(const struct tls_link *link, X509_STORE_CTX *store, bool is_good);

/* True when level 2 applies, so that name and steps are in the log. */
bool trace_shows_steps(const struct tls_link *link);
