/*
 * What the rest of lib/tls knows of a context. Private to lib/tls.
 */
#pragma once

#include <openssl/ssl.h>

#include "tls/context.h"

/* One more owner; tls_context_free is the end of it. */
struct tls_context *context_hold(struct tls_context *context);

/* With the pairs of the moment. */
SSL_CTX *context_current(const struct tls_context *context);

/*
 * With the pairs for the name (lower case) or one of its parents in sni_maps; NULL with 0:
 * none. -1: temporary error. Valid until the next wait.
 */
MUST_USE MAY_WAIT int context_for_name(struct tls_context *context, struct slice name,
                                       deadline_t until, SSL_CTX **found, struct error *error);

/* The context behind OpenSSL's. */
struct tls_context *context_of(const SSL_CTX *current);
