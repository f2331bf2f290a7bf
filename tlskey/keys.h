/*
 * Private keys in memory, found by name: the digest of their public half.
 *
 * A key stays for an hour after its last use, whatever happens to its file: connections that
 * began with it end with it.
 */
#pragma once

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "ipc/message.h"

/*
 * Read key pairs from PEM text and keep the keys. Each key and the certificates behind it are
 * a pair; the order of key and leaf does not matter. The chains are appended to *chains as
 * tlskey_load (ipc/tlskey_client.h) gives them, and the keys' names to *names. Permanent error:
 * no pair, a certificate without its key, a key that is encrypted, bytes that are no PEM.
 */
MUST_USE int keys_read(struct slice pem, struct buf *chains, struct buf *names,
                       struct error *error);

/* These are still wanted (names as keys_read appends them). */
void keys_touch(struct slice names);

/* Forget what was not used for long. */
void keys_sweep(void);

/* Sign or decrypt; the outcome replaces *result. Permanent error. */
MUST_USE int keys_use(const struct tlskey_use *use, struct buf *result, struct error *error);
