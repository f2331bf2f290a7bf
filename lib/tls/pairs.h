/*
 * Our own certificates as tlskey gives them out, put into an OpenSSL context together with keys
 * that ask tlskey.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/* chains: see tlskey_load (ipc/tlskey_client.h). Permanent error when one cannot be used. */
MUST_USE int pairs_install(SSL_CTX *context, struct slice chains, struct error *error);
