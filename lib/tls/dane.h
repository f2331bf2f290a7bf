/*
 * DANE for SMTP (RFC 7672): which TLSA records authenticate a host.
 *
 * Only the look-up and the choice of records are here; OpenSSL verifies with them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

enum tlsa_usage { TLSA_TRUST_ANCHOR = 2, TLSA_END_ENTITY = 3 };

struct tlsa {
    uint8_t
        usage; /* enum tlsa_usage; those of PKIX are never usable (RFC 7672 section 3.1.3) */
    uint8_t selector; /* 0: the certificate; 1: its public key */
    uint8_t matching; /* 0: all of it; 1: SHA2-256; 2: SHA2-512 */
    struct slice data;
};

enum dane_state {
    DANE_NOT_FOUND, /* no TLSA records, or none that DNSSEC vouches for */
    DANE_UNUSABLE,  /* some, but none that means anything here: TLS without authentication */
    DANE_USABLE,
};

struct dane {
    enum dane_state state;
    struct slice base_domain; /* under which they were found; the name for SNI */
    struct tlsa *records;     /* the usable ones */
    size_t n_records;
};

/* What the look-up of the host's address has shown. */
struct dane_host {
    struct slice name;     /* as in the MX record */
    struct slice expanded; /* where its CNAMEs lead; the same without */
    bool is_secure;        /* the address, with all CNAMEs on the way, was validated */
    uint16_t port;
};

/*
 * The digests that are believed (tls_dane_digests: "sha512 sha256", the best first). Unknown
 * names are an error. Until it is called the default holds.
 */
MUST_USE int dane_set_digests(const char *names, struct error *error);

/*
 * Find the TLSA records of a host (RFC 7672 section 2.2.3): of the name behind its CNAMEs, then
 * of the name itself where the alias was validated. force: also where neither was. Records lie
 * in the arena. -1, temporary: the name server has failed; nothing may be concluded then.
 */
MUST_USE MAY_WAIT int dane_lookup(const struct dane_host *host, bool force, deadline_t until,
                                  struct arena *arena, struct dane *dane, struct error *error);

/*
 * Take the usable ones of some TLSA records; data of each as on the wire. Of several digests of
 * one thing only the best counts (RFC 7671 section 9).
 */
void dane_choose(struct dane *dane, const struct slice *data, size_t n, struct arena *arena);
