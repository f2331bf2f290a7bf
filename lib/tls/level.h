/*
 * How much TLS is asked of a connection (smtp_tls_security_level, smtp_tls_policy_maps, ...).
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/* In Postfix's order: more is asked of the later ones. */
enum tls_level {
    TLS_LEVEL_INVALID = -2,
    TLS_LEVEL_NOT_FOUND = -1, /* a table has no opinion */
    TLS_LEVEL_NONE,
    TLS_LEVEL_MAY,         /* plaintext where TLS is not offered or fails */
    TLS_LEVEL_ENCRYPT,     /* any certificate will do */
    TLS_LEVEL_FINGERPRINT, /* the certificate or its key is known by its digest */
    TLS_LEVEL_HALF_DANE,   /* TLSA records of a host that was found insecurely */
    TLS_LEVEL_DANE,        /* TLSA records where there are some, else as MAY */
    TLS_LEVEL_DANE_ONLY,   /* TLSA records or no mail */
    TLS_LEVEL_VERIFY,      /* a trusted authority, and a name */
    TLS_LEVEL_SECURE,      /* likewise; the name does not come from the DNS */
};

/* By its name in main.cf and tables, in any case; TLS_LEVEL_INVALID for others, and for
 * "half-dane", which is only found out and never asked for. */
enum tls_level tls_level_parse(struct slice name);
/* "dane-only"; "invalid", "not found" for the two that have no name. */
const char *tls_level_name(enum tls_level level);

/* No mail without TLS. */
static inline bool tls_level_is_mandatory(enum tls_level level)
{
    return level >= TLS_LEVEL_ENCRYPT;
}

/* The peer's certificate must be the right one. */
static inline bool tls_level_must_match(enum tls_level level)
{
    return level >= TLS_LEVEL_FINGERPRINT;
}

/* TLSA records say which is the right one. */
static inline bool tls_level_is_dane(enum tls_level level)
{
    return level >= TLS_LEVEL_HALF_DANE && level <= TLS_LEVEL_DANE_ONLY;
}

/* Authorities and names say so. */
static inline bool tls_level_is_pkix(enum tls_level level)
{
    return level >= TLS_LEVEL_VERIFY;
}
