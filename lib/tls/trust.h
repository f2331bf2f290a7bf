/*
 * The authorities whose certificates are believed.
 */
#pragma once

#include <openssl/x509_vfy.h>

#include "base/compiler.h"
#include "base/error.h"

/*
 * All of the file and of the directory (files named HASH.N, as `openssl rehash` makes them),
 * either of which may be empty, and with tls_append_default_CA of the global params those of
 * the system. They are read now, since a jail shows no files later; the worker notices when
 * the file changes. A directory that is not there is as good as an empty one. The caller frees
 * it. NULL: permanent error naming the file.
 */
MUST_USE X509_STORE *trust_open(const char *file, const char *path, struct error *error);

/* The subjects of the file's authorities, which a server announces; empty without a file. */
MUST_USE STACK_OF(X509_NAME) * trust_names(const char *file);
