/*
 * Keys and certificates as `tassis tls` makes them: PEM text, by OpenSSL.
 */
#pragma once

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

enum pair_algorithm { PAIR_RSA, PAIR_ECDSA, PAIR_UNKNOWN };

/* "rsa" or "ecdsa". */
enum pair_algorithm pair_algorithm_parse(const char *name);
/* That of a key; UNKNOWN for all others. */
enum pair_algorithm pair_algorithm_of(const EVP_PKEY *key);

void pair_key_free(EVP_PKEY **key); /* for CLEANUP */

/* size: bits of an RSA key, name of a curve; NULL for the usual. Permanent error; key is NULL.
 */
MUST_USE EVP_PKEY *pair_key_make(enum pair_algorithm algorithm, const char *size,
                                 struct error *error);
/* The first private key in the file; one with a password is of no use. */
MUST_USE EVP_PKEY *pair_key_read(const char *path, struct error *error);

/* Append as PEM. The hosts, NULL-terminated and at least one, are DNS names. */
MUST_USE int pair_key_write(EVP_PKEY *key, struct buf *pem, struct error *error);
MUST_USE int pair_certificate(EVP_PKEY *key, char *const hosts[], struct buf *pem,
                              struct error *error);
MUST_USE int pair_request(EVP_PKEY *key, char *const hosts[], struct buf *pem,
                          struct error *error);

/* The SHA2-256 digest of the public key in hex: the data of a TLSA record "3 1 1" (RFC 6698).
 */
MUST_USE int pair_digest(EVP_PKEY *key, struct buf *hex, struct error *error);

/* Is the first certificate of the file the key's? Permanent error that says what is wrong. */
MUST_USE int pair_check(const char *certificate_path, EVP_PKEY *key, struct error *error);
