/*
 * Parameters of our own for ephemeral Diffie-Hellman.
 */
#pragma once

#include <openssl/evp.h>

#include "base/error.h"

/*
 * Those of the file; the caller frees them. NULL: OpenSSL's own are as good, since the path is
 * NULL, "", "none" or "auto", or for the reason in *error (permanent; untouched otherwise).
 */
EVP_PKEY *dh_read(const char *path, struct error *error);
