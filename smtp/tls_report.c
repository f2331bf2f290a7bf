#include "tls_report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/unicode.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "net/socket.h"
#include "options.h"
#include "session.h"
#include "tls_options.h"

#define OPTION(name) (options.is_lmtp ? params.lmtp_##name : params.smtp_##name)

static struct {
    int fd; /* -1: no reports */
    struct sockaddr_un address;
    bool skips_resumed;
} collector = {.fd = -1};

/* -- the collector
 * ---------------------------------------------------------------------------- */

void tls_report_open(void)
{
    const char *path = OPTION(tlsrpt_socket_name);

    if (!OPTION(tlsrpt_enable))
        return;
    if (!(options.host_lookup & HOST_LOOKUP_DNS)) {
        log_warning("Cannot enable TLSRPT support: DNS is disabled");
        return;
    }
    if (!*path) {
        log_warning("TLSRPT support: parameter %s has empty value -- TLSRPT support will be "
                    "disabled",
                    tls_option_name("tlsrpt_socket_name"));
        return;
    }
    if (strlen(path) >= sizeof(collector.address.sun_path)) {
        log_warning("%s: too long a path: %s", tls_option_name("tlsrpt_socket_name"), path);
        return;
    }
    collector.address.sun_family = AF_UNIX;
    memcpy(collector.address.sun_path, path, strlen(path) + 1);
    collector.skips_resumed = OPTION(tlsrpt_skip_reused_handshakes);
    collector.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (collector.fd < 0)
        log_warning("TLSRPT support: socket: %m");
}

bool tls_report_is_enabled(void)
{
    return collector.fd >= 0;
}

/* A collector that is not there, or has no time, gets nothing: mail does not wait for it. */
static void tell(const struct tlsrpt *told)
{
    CLEANUP(buf_release) struct buf json = BUF_INIT;
    const struct sockaddr *address = (const void *)&collector.address;

    tlsrpt_write(told, &json);
    if (sendto(collector.fd, json.data, json.len, MSG_DONTWAIT | MSG_NOSIGNAL, address,
               sizeof(collector.address)) < 0)
        log_warning("Could not report TLS handshake result to tlsrpt library: %s (errno %d)",
                    strerror(errno), errno);
}

/* -- who wants reports
 * ------------------------------------------------------------------------ */

/* The one TLSRPT record among these; an empty slice where there is none, or are two. */
static struct slice choose_record(const struct dns_answer *answer, struct slice domain)
{
    struct slice found = SLICE_EMPTY;

    for (size_t i = 0; i < answer->n_records; i++) {
        struct slice text = answer->records[i].data;
        enum tlsrpt_record kind = tlsrpt_record_check(text);

        if (kind == TLSRPT_RECORD_MALFORMED)
            log_warning("TLSRPT support: ignoring malformed policy for %.*s:, \"%.*s\"",
                        SLICE_ARG(domain), SLICE_ARG(text));
        if (kind != TLSRPT_RECORD_GOOD)
            continue;
        if (found.len > 0) {
            log_warning("TLSRPT support: Too many TLSRPT policies for %.*s", SLICE_ARG(domain));
            return SLICE_EMPTY;
        }
        found = text;
    }
    return found;
}

/* Hosts in brackets, with a port or a path are not found as a domain's mail exchangers. */
static bool is_domain(struct slice nexthop)
{
    return nexthop.len > 0 && slice_find_any(nexthop, "[]:/") == nexthop.len;
}

const struct tls_report *tls_report_find(struct slice nexthop, deadline_t until,
                                         struct arena *arena)
{
    CLEANUP(buf_release) struct buf domain = BUF_INIT;
    struct dns_answer answer;
    struct error error;

    if (!tls_report_is_enabled() || !is_domain(nexthop) ||
        unicode_domain_to_ascii(&domain, nexthop, &error) < 0)
        return NULL;
    struct slice name = slice_from(arena_printf(arena, "_smtp._tls.%s", domain.data));
    enum dns_result result = dns_lookup(name, DNS_TXT, until, arena, &answer, &error);

    if (result == DNS_TEMPORARY)
        log_warning("TLSRPT support: policy lookup failed for %s: %s", domain.data, error.text);
    if (result != DNS_OK)
        return NULL;
    struct slice record = choose_record(&answer, buf_slice(&domain));

    if (record.len == 0)
        return NULL;
    struct tls_report *report = arena_new(arena, struct tls_report);
    report->domain = arena_slice(arena, buf_slice(&domain));
    report->record = record;
    return report;
}

/* -- what is told
 * ----------------------------------------------------------------------------- */

/* "3 1 1 ab12..." */
static struct slice tlsa_text(const struct tlsa *tlsa, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "%d %d %d ", tlsa->usage, tlsa->selector, tlsa->matching);
    for (size_t i = 0; i < tlsa->data.len; i++)
        buf_printf(&text, "%02X", (unsigned char)tlsa->data.ptr[i]);
    return arena_slice(arena, buf_slice(&text));
}

static void set_policy(struct tlsrpt *told, const struct tls_policy *policy,
                       struct arena *arena)
{
    told->policy = TLSRPT_POLICY_NONE;
    if (policy->dane.n_records > 0) {
        struct slice *strings = arena_array(arena, struct slice, policy->dane.n_records);

        for (size_t i = 0; i < policy->dane.n_records; i++)
            strings[i] = tlsa_text(&policy->dane.records[i], arena);
        told->policy = TLSRPT_POLICY_TLSA;
        told->policy_domain = policy->dane.base_domain;
        told->policy_strings = strings;
        told->n_policy_strings = policy->dane.n_records;
    } else if (policy->sts.is_found) {
        told->policy = TLSRPT_POLICY_STS;
        told->policy_domain = policy->sts.domain;
        told->policy_strings = policy->sts.strings;
        told->n_policy_strings = policy->sts.n_strings;
        told->mx_patterns = policy->sts_patterns;
        told->n_mx_patterns = policy->n_sts_patterns;
    }
}

static void log_and_tell(const struct tlsrpt *told)
{
    struct slice reason = told->reason;

    if (told->failure == TLSRPT_SUCCESS) {
        log_info("TLSRPT: status=success, domain=%.*s, receiving_mx=%.*s[%.*s]",
                 SLICE_ARG(told->domain), SLICE_ARG(told->host),
                 SLICE_ARG(told->receiving_address));
    } else {
        log_info("TLSRPT: status=failure, domain=%.*s, receiving_mx=%.*s[%.*s], "
                 "failure_type=%s%s%.*s",
                 SLICE_ARG(told->domain), SLICE_ARG(told->host),
                 SLICE_ARG(told->receiving_address), tlsrpt_failure_name(told->failure),
                 reason.len ? ", failure_reason=" : "", SLICE_ARG(reason));
    }
    tell(told);
}

static struct slice address_text(const struct endpoint *endpoint, struct arena *arena)
{
    char text[ENDPOINT_TEXT_BYTES];

    return arena_slice(arena, slice_from(endpoint_text(endpoint, text)));
}

static struct tlsrpt about(const struct tls_report *report, const struct tls_policy *policy,
                           const struct host *host, struct arena *arena)
{
    struct tlsrpt told = {.domain = report->domain,
                          .record = report->record,
                          .host = host->name,
                          .receiving_address = address_text(&host->address, arena)};

    set_policy(&told, policy, arena);
    return told;
}

void tls_report_policy(const struct tls_report *report, const struct tls_policy *policy,
                       const struct host *host, struct arena *arena)
{
    if (!report || policy->failure == TLSRPT_SUCCESS)
        return;
    struct tlsrpt told = about(report, policy, host, arena);

    told.failure = policy->failure;
    told.reason = policy->why.reason;
    log_and_tell(&told);
}

void tls_report_failure(const struct opening *opening, const struct session *session,
                        enum tlsrpt_failure failure, const char *reason)
{
    struct endpoint own;

    if (!opening->report)
        return;
    struct tlsrpt told = about(opening->report, opening->policy, opening->host, opening->arena);

    if (socket_local(session->stream.fd, &own) == 0)
        told.sending_address = address_text(&own, opening->arena);
    told.hello = buf_slice(&session->hello);
    told.failure = failure;
    told.reason = slice_from(reason);
    log_and_tell(&told);
}

/* Why the certificate is not that of the server that we want. */
static enum tlsrpt_failure certificate_failure(const struct opening *opening,
                                               const struct tls_peer *peer)
{
    struct slice distrust = slice_from(peer->distrust);

    if (opening->policy->failure != TLSRPT_SUCCESS)
        return opening->policy->failure;
    if (tls_level_is_dane(opening->policy->level) ||
        opening->policy->level == TLS_LEVEL_FINGERPRINT || distrust.len == 0)
        return TLSRPT_VALIDATION_FAILURE;
    if (slice_ends_with(distrust, "hostname mismatch"))
        return TLSRPT_CERTIFICATE_HOST_MISMATCH;
    return slice_equals(distrust, "certificate has expired") ? TLSRPT_CERTIFICATE_EXPIRED
                                                             : TLSRPT_CERTIFICATE_NOT_TRUSTED;
}

void tls_report_handshake(const struct opening *opening, const struct session *session,
                          bool is_wanted)
{
    const struct tls_peer *peer = &session->tls.peer;

    if (!opening->report)
        return;
    if (!is_wanted || opening->policy->failure != TLSRPT_SUCCESS) {
        tls_report_failure(opening, session, certificate_failure(opening, peer),
                           peer->distrust);
        return;
    }
    if (peer->is_resumed && collector.skips_resumed)
        return;
    struct tlsrpt told = about(opening->report, opening->policy, opening->host, opening->arena);
    log_and_tell(&told);
}
