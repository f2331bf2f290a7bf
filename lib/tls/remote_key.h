/*
 * Private keys that are elsewhere: an OpenSSL provider whose keys have a public half only, and
 * ask the tlskey worker whenever the private one is needed.
 *
 * A signature waits for the answer inside of OpenSSL, which leaves the thread's error queue to
 * other sessions meanwhile; it is empty when OpenSSL goes on.
 */
#pragma once

#include <openssl/evp.h>

#include "base/compiler.h"
#include "base/error.h"

/* Register the provider; once, before the jail. Permanent error. */
MUST_USE int remote_key_open(struct error *error);

/*
 * The key whose public half this is, for SSL_CTX_use_PrivateKey. The caller frees it. NULL:
 * permanent error, a kind of key that we cannot sign with.
 */
MUST_USE EVP_PKEY *remote_key_new(EVP_PKEY *public_key, struct error *error);
