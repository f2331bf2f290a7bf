/*
 * What may be negotiated, in the words of main.cf: versions, ciphers, curves, options.
 *
 * Reads the global params that belong to no single program: tls_*_cipherlist,
 * tls_eecdh_*_curve(s), tls_ffdhe_auto_groups, tls_ssl_options, tls_disable_workarounds.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/compiler.h"
#include "base/error.h"

/* As the parameters ..._protocols, ..._ciphers, ..._exclude_ciphers have them. */
struct tls_terms {
    const char *protocols;    /* ">=TLSv1.2, <=TLSv1.3", "!SSLv2, !SSLv3", "TLSv1.2"; "": any */
    const char *cipher_grade; /* "export", "low", "medium", "high", "null" */
    const char *exclude_ciphers; /* "aNULL, MD5" */
};

/* The versions, as OpenSSL wants them: SSL_CTX_set_min_proto_version etc. */
struct tls_versions {
    int floor, ceiling; /* 0: no bound */
    uint64_t options;   /* SSL_OP_NO_ bits */
};

/* Permanent error naming the word. */
MUST_USE int tls_versions_parse(struct tls_versions *versions, const char *text,
                                struct error *error);
/*
 * OpenSSL's cipher list of a grade without the excluded ones; the caller frees it. NULL:
 * permanent error, no such grade.
 */
MUST_USE char *tls_cipher_list(const char *grade, const char *exclude, struct error *error);

/*
 * Apply to what has not begun its handshake. Permanent error; of a connection it is in
 * Postfix's words, and what OpenSSL has to say is left for tls_log_problems.
 */
MUST_USE int tls_terms_apply(SSL *ssl, const struct tls_terms *terms, struct error *error);
MUST_USE int tls_terms_apply_to_context(SSL_CTX *context, const struct tls_terms *terms,
                                        struct error *error);

/* "auto", "none", "strong", "ultra": groups for the key exchange. */
MUST_USE int tls_groups_apply(SSL_CTX *context, const char *eecdh_grade, struct error *error);

/* tls_ssl_options and tls_disable_workarounds. Permanent error naming the word. */
MUST_USE int tls_options_apply(SSL_CTX *context, struct error *error);
