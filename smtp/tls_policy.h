/*
 * How much TLS a host gets: the level of main.cf, what the tables say about the next hop, and
 * what DANE makes of it.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "destination.h"
#include "mail/dsn.h"
#include "tls/dane.h"
#include "tls/level.h"
#include "tls/tlsrpt.h"
#include "tls_anchors.h"

/* Texts lie in the arena, or in main.cf's parameters. */
struct tls_policy {
    enum tls_level level;  /* INVALID: no delivery to this host now; why tells the reason */
    enum tls_level wanted; /* before DANE or the message itself changed it; for the log */
    bool reuse_connection; /* keep a connection with TLS for the next message */
    bool enable_rpk;
    const char *protocols, *ciphers, *exclude_ciphers; /* NULL: not set in a table */
    const char *server_name;                           /* for SNI; NULL: none */
    struct slice *matches; /* names as in "match", or fingerprints "AA:BB:..." */
    size_t n_matches;
    const char *anchor_files;   /* separated by blanks; NULL: the authorities of main.cf */
    struct tls_anchors anchors; /* what they hold */
    struct dane dane;
    struct slice *sts_patterns; /* the mail exchangers that an MTA-STS policy names */
    size_t n_sts_patterns;

    struct {
        bool is_found;
        struct slice domain, *strings;
        size_t n_strings;
    } sts;                       /* what else a plug-in tells of that policy, for reports */
    enum tlsrpt_failure failure; /* INVALID for a fault of the other side; or MTA-STS failed */
    struct dsn why;
};

/* What the message asks for (RFC 8689). */
enum tls_wish { TLS_WISH_NONE, TLS_WISH_OPTIONAL, TLS_WISH_REQUIRED };

/*
 * What main.cf and the tables say; host may be NULL (only smtp_tls_per_site asks for it).
 * nexthop is as given: "example.com", "[mx.example.com]:587". What is wrong in a table is
 * logged, and makes the level INVALID.
 */
MAY_WAIT void tls_policy_find(struct tls_policy *policy, struct slice nexthop,
                              const struct host *host, enum tls_wish wish, struct arena *arena);
/* Then it is to be found for each host anew (smtp_tls_per_site). */
bool tls_policy_depends_on_host(void);
/* Go on with DANE and with the defaults of main.cf for this host. Logs why it is INVALID. */
MAY_WAIT void tls_policy_complete(struct tls_policy *policy, struct slice nexthop,
                                  const struct host *host, deadline_t until,
                                  struct arena *arena);

/* Connections are exchangeable when the texts are the same. Of a policy that was only found. */
void tls_policy_key(const struct tls_policy *policy, struct buf *key);

/* INVALID for a reason that is the administrator's to mend. */
void tls_policy_invalid(struct tls_policy *policy);
