/*
 * Telling the collector of TLS reports (smtp_tlsrpt_*, RFC 8460) how handshakes went, for
 * domains that ask for reports.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "base/time.h"
#include "tls/tlsrpt.h"

struct host;
struct opening;
struct session;
struct tls_policy;

/* A domain that wants to hear of it; NULL where others are passed on. */
struct tls_report {
    struct slice domain, record;
};

/* Before the jail. What is missing is logged: no reports then. */
void tls_report_open(void);
/* Are there reports? Then sessions keep the server's answer to EHLO. */
bool tls_report_is_enabled(void);

/*
 * Does the domain of that next hop publish a TLSRPT record? NULL: no, or the next hop is not
 * found by way of MX records. Lies in the arena.
 */
MUST_USE MAY_WAIT const struct tls_report *
tls_report_find(struct slice nexthop, deadline_t until, struct arena *arena);

/* The server was not even asked, because of its policy (policy->failure). */
void tls_report_policy(const struct tls_report *report, const struct tls_policy *policy,
                       const struct host *host, struct arena *arena);
/* No handshake, or a failed one; reason is NULL or a few words. */
void tls_report_failure(const struct opening *opening, const struct session *session,
                        enum tlsrpt_failure failure, const char *reason);
/* The handshake is done: was it the server that we want? */
void tls_report_handshake(const struct opening *opening, const struct session *session,
                          bool is_wanted);
