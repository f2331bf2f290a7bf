/*
 * smtp, lmtp: take a delivery of the queue manager to the hosts of its next hop, one after the
 * other, until every recipient has had an answer.
 */
#include <string.h>

#include "base/log.h"
#include "checks.h"
#include "conf/params.h"
#include "delivery/delivery.h"
#include "delivery/pass.h"
#include "destination.h"
#include "dns/dns.h"
#include "generic.h"
#include "ipc/delivery_client.h"
#include "login.h"
#include "name_search.h"
#include "notice.h"
#include "options.h"
#include "pix.h"
#include "route/debug_peer.h"
#include "route/dns_reply_filter.h"
#include "route/open_maps.h"
#include "session.h"
#include "session_cache.h"
#include "table/match_list.h"
#include "tls_message.h"
#include "tls_options.h"
#include "tls_policy.h"
#include "tls_report.h"
#include "tls_session.h"
#include "transaction.h"
#include "worker/worker.h"

static bool is_lmtp;
static struct match_list *cached_destinations;

/* Try no longer than this to find the hosts of one next hop. */
#define RESOLVE_LIMIT MINUTES(5)

/* One delivery on its way through the next hops. */
struct journey {
    struct attempt attempt;
    struct slice nexthop;            /* as given */
    struct slice kept_key;           /* of connections to it that are kept */
    struct slice policy_key;         /* of its TLS policy */
    struct slice answered;           /* where a kept connection has led already */
    struct slice hop;                /* the one of several that is tried now */
    struct tls_policy policy;        /* what the tables say of it */
    const struct tls_report *report; /* of hop; NULL: it wants none */
    enum tls_wish tls_wish;
    size_t n_sessions; /* that got as far as EHLO */
    bool is_first_hop, is_last_hop;
    bool is_as_protected; /* hop, as the first one */
    bool was_refused;     /* the last trouble: the word of a server, not the lack of one */
    bool leads_here;      /* the last hop that was tried: to us */
};

static bool may_keep_session(const struct journey *journey, const struct session *session)
{
    struct error error;

    /* What is not as well protected must not be taken for the next hop's. */
    if (!journey->is_as_protected || (session->tls.is_active && !session->tls.may_be_kept))
        return false;
    if (options.cache_on_demand &&
        !(journey->attempt.delivery->request.flags & DELIVERY_FLAG_LAST))
        return true;
    return cached_destinations &&
           match_list_name(cached_destinations, journey->nexthop, &error) == TABLE_FOUND;
}

/* Run the transaction; what is left of the session goes where it belongs. */
static enum transaction use_session(struct journey *journey, struct session *session)
{
    bool may_keep = may_keep_session(journey, session);

    journey->attempt.delivery->times.connection_reuses = session->n_transactions;
    journey->attempt.delivery->times.connect_done = time_wall();
    enum transaction result = transaction_run(session, &journey->attempt, may_keep);
    journey->was_refused = result == TRANSACTION_DONE || result == TRANSACTION_QUIT;
    switch (result) {
    case TRANSACTION_DONE:
        if (!may_keep) {
            session_quit(session);
            break;
        }
        notice_send(session);
        session_cache_keep(session, journey->kept_key);
        break;
    case TRANSACTION_QUIT:
    case TRANSACTION_BROKEN:
        notice_send(session);
        session_free(session);
        break;
    case TRANSACTION_STALE:
        session_free(session);
        break;
    }
    return result;
}

static bool is_session_limit_reached(const struct journey *journey, size_t more)
{
    return options.mx_session_limit > 0 &&
           journey->n_sessions + more >= (size_t)options.mx_session_limit;
}

/* A connection that an earlier message left: no look-up, no handshake. Its server's answer
 * counts: it is not asked again. */
static void try_kept_session(struct journey *journey)
{
    struct session *session;
    struct arena *arena = &journey->attempt.delivery->arena;

    while (journey->attempt.n_pending > 0 &&
           (session = session_cache_take(journey->kept_key)) != NULL) {
        journey->attempt.is_final = false; /* the hosts are still to be tried */
        tls_status_set(&journey->attempt, &journey->policy, session);
        struct slice place = arena_slice(arena, buf_slice(&session->place));
        if (use_session(journey, session) != TRANSACTION_STALE) {
            journey->answered = place;
            break;
        }
    }
}

/*
 * The key of connections to this address that serve any next hop: those that nobody logged in
 * on, and whose certificate need not be anybody's. Empty: none do.
 */
static struct slice shared_key(const struct journey *journey, const struct host *host,
                               const struct tls_policy *policy)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    if (login_is_enabled() || tls_level_must_match(policy->level))
        return SLICE_EMPTY;
    buf_add_text(&key, "host ");
    host_place(host, &key);
    buf_printf(&key, " %d ", (int)journey->tls_wish);
    tls_policy_key(policy, &key);
    return arena_slice(&journey->attempt.delivery->arena, buf_slice(&key));
}

/* One that the mail for another next hop has left. True: the host has had its turn. */
static bool try_shared_session(struct journey *journey, const struct host *host,
                               const struct tls_policy *policy, struct slice key)
{
    struct session *session;

    while (key.len > 0 && (session = session_cache_take(key)) != NULL) {
        session_rename(session, host);
        tls_status_set(&journey->attempt, policy, session);
        if (use_session(journey, session) != TRANSACTION_STALE)
            return true;
    }
    return false;
}

/* Mail will be tried again, and with it the destination: the queue manager is to go easy on it.
 */
static bool is_passing(const struct dsn *dsn)
{
    return dsn->status[0] == '4' || params.soft_bounce;
}

/* The host could be connected to, but is of no use. */
static void host_failed(struct journey *journey, const struct opening *opening)
{
    struct attempt *attempt = &journey->attempt;
    CLEANUP(buf_release) struct buf relay = BUF_INIT;

    journey->n_sessions++;
    journey->was_refused = false;
    if (attempt->is_final && opening->failure == OPENING_FAILED && is_passing(&opening->dsn))
        delivery_destination_failed(attempt->delivery, &opening->dsn);
    host_relay(opening->host, &relay);
    attempt_trouble(attempt, relay.data, &opening->dsn);
}

/* A host that could not be connected to, or must not be. */
static void host_skipped(struct journey *journey, const struct dsn *dsn)
{
    journey->was_refused = false;
    journey->attempt.last = *dsn;
    journey->attempt.last_relay = "none";
}

/* As far as it goes with this policy; others may share the session under the key. True: once
 * more, but without TLS. */
static bool try_with_policy(struct journey *journey, const struct host *host,
                            const struct tls_policy *policy, struct slice key)
{
    struct attempt *attempt = &journey->attempt;
    struct opening opening = {.host = host,
                              .policy = policy,
                              .report = journey->report,
                              .nexthop = journey->hop,
                              .sender = attempt->delivery->request.sender,
                              .queue_id = attempt->delivery->request.queue_id,
                              .arrival_seconds = attempt->delivery->request.arrival_seconds,
                              .may_go_plain = attempt->may_go_plain,
                              .arena = &attempt->delivery->arena};
    struct session *session = session_open(&opening);

    tls_status_set(attempt, policy, session);
    if (session) {
        journey->n_sessions++;
        attempt->went_plain = false;
        buf_set(&session->shared_key, key);
        use_session(journey, session);
        return attempt->went_plain;
    }
    switch (opening.failure) {
    case OPENING_NOT_CONNECTED:
        if (host->unix_path.len == 0) /* the outcome says it again */
            log_info("%.*s", SLICE_ARG(opening.dsn.reason));
        host_skipped(journey, &opening.dsn);
        return false;
    case OPENING_GO_PLAIN:
        log_info("%.*s: %.*s", SLICE_ARG(attempt->delivery->request.queue_id),
                 SLICE_ARG(opening.dsn.reason));
        return true;
    case OPENING_FAILED:
    case OPENING_NO_HANDSHAKE:
    default:
        host_failed(journey, &opening);
        return false;
    }
}

static void try_host(struct journey *journey, const struct host *host)
{
    struct attempt *attempt = &journey->attempt;
    struct arena *arena = &attempt->delivery->arena;
    struct tls_policy policy = journey->policy;

    if (tls_policy_depends_on_host())
        tls_policy_find(&policy, journey->hop, host, journey->tls_wish, arena);
    tls_policy_complete(&policy, journey->hop, host, deadline_in(RESOLVE_LIMIT), arena);
    if (policy.level == TLS_LEVEL_INVALID) {
        tls_status_set(attempt, &policy, NULL);
        tls_report_policy(journey->report, &policy, host, arena);
        host_skipped(journey, &policy.why);
        return;
    }
    int verbosity = log_verbosity;

    attempt->may_go_plain = tls_may_go_plain(attempt->delivery, &policy);
    debug_peer_check(host->name, &host->address);
    struct slice key = shared_key(journey, host, &policy);

    if (!try_shared_session(journey, host, &policy, key) &&
        try_with_policy(journey, host, &policy, key)) {
        policy.level = TLS_LEVEL_NONE;
        attempt->may_go_plain = false;
        try_with_policy(journey, host, &policy, shared_key(journey, host, &policy));
    }
    log_verbosity = verbosity;
}

static bool has_answered(const struct journey *journey, const struct host *host)
{
    CLEANUP(buf_release) struct buf place = BUF_INIT;

    if (journey->answered.len == 0)
        return false;
    host_place(host, &place);
    return slice_same(buf_slice(&place), journey->answered);
}

static struct slice policy_key(struct journey *journey)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    tls_policy_key(&journey->policy, &key);
    return arena_slice(&journey->attempt.delivery->arena, buf_slice(&key));
}

/* A fallback relay that does not exist is our mistake: no mail goes back for that. */
static void excuse_fallback(struct dsn *dsn)
{
    if (dsn->status[0] != '5')
        return;
    log_warning("smtp_fallback_relay configuration problem");
    memcpy(dsn->status, "4.3.5", sizeof("4.3.5"));
    dsn->action = "delayed";
}

static void try_hop(struct journey *journey, struct slice hop)
{
    struct attempt *attempt = &journey->attempt;
    struct host_list list;
    struct dsn dsn;

    if (!journey->is_first_hop) {
        tls_policy_find(&journey->policy, hop, NULL, journey->tls_wish,
                        &attempt->delivery->arena);
        journey->is_as_protected = !tls_level_must_match(journey->policy.level) &&
                                   slice_same(policy_key(journey), journey->policy_key);
    }
    journey->hop = hop;
    attempt->requiretls = requiretls_find(attempt->delivery, hop);
    int result = destination_hosts(hop, deadline_in(RESOLVE_LIMIT), &attempt->delivery->arena,
                                   &list, &dsn);
    journey->leads_here = list.leads_here;
    /* To the other hosts we are the relay: mail that goes on elsewhere may come back. */
    journey->is_last_hop = journey->is_last_hop || list.has_us;
    if (result < 0) {
        if (!journey->is_first_hop)
            excuse_fallback(&dsn);
        host_skipped(journey, &dsn);
        return;
    }
    if (tls_report_is_enabled())
        journey->report =
            tls_report_find(hop, deadline_in(RESOLVE_LIMIT), &attempt->delivery->arena);
    for (size_t i = 0; i < list.count && attempt->n_pending > 0; i++) {
        if (is_session_limit_reached(journey, 0))
            break;
        if (has_answered(journey, &list.hosts[i]))
            continue;
        attempt->is_final = (journey->is_last_hop && i + 1 == list.count) ||
                            is_session_limit_reached(journey, 1);
        try_host(journey, &list.hosts[i]);
    }
}

/* best_mx_transport: mail for a domain that we are the best mail exchanger of, though main.cf
 * does not know it as ours. */
static void pass_pending(struct attempt *attempt)
{
    struct delivery *delivery = attempt->delivery;
    struct error error;
    struct dsn dsn;

    for (size_t i = 0; i < attempt->n_pending; i++) {
        struct recipient *recipient = attempt->pending[i];
        switch (delivery_pass(delivery, recipient, params.best_mx_transport,
                              delivery->request.nexthop, &error)) {
        case DELIVERY_PASSED:
            delivery_mark_done(delivery, recipient);
            break;
        case DELIVERY_PASSED_LEFT:
            break;
        case DELIVERY_NOT_PASSED:
            log_warning("%s", error.text);
            delivery_dsn(delivery, &dsn, "4.3.0", "mail transport unavailable");
            delivery_deferred(delivery, recipient, SLICE("none"), &dsn);
            break;
        }
    }
    attempt->n_pending = 0;
}

/* Nobody took these: with the last trouble met. */
static void give_up(struct journey *journey)
{
    struct attempt *attempt = &journey->attempt;

    if (journey->leads_here && *params.best_mx_transport)
        pass_pending(attempt);
    if (attempt->n_pending == 0)
        return;
    if (attempt->last.status[0] == '\0')
        delivery_dsn(attempt->delivery, &attempt->last, "4.4.1", "no host to try for %.*s",
                     SLICE_ARG(journey->nexthop));
    if (is_passing(&attempt->last) && !journey->was_refused)
        delivery_destination_failed(attempt->delivery, &attempt->last);
    attempt->is_final = true;
    struct dsn last = attempt->last;
    attempt_trouble(attempt, attempt->last_relay ? attempt->last_relay : "none", &last);
}

/* What is known before any host is: the policy of the next hop. */
static void begin(struct journey *journey, struct slice first_hop)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    struct delivery *delivery = journey->attempt.delivery;

    journey->tls_wish = tls_wish_of(delivery);
    tls_policy_find(&journey->policy, first_hop, NULL, journey->tls_wish, &delivery->arena);
    journey->attempt.requiretls = requiretls_find(delivery, first_hop);
    buf_printf(&key, "%.*s %d ", SLICE_ARG(journey->nexthop), (int)journey->tls_wish);
    journey->is_as_protected = true;
    journey->policy_key = policy_key(journey);
    buf_add_slice(&key, journey->policy_key);
    if (login_depends_on_sender()) {
        buf_add_char(&key, ' ');
        buf_add_slice(&key, delivery->request.sender);
    }
    journey->kept_key = arena_slice(&delivery->arena, buf_slice(&key));
}

/* smtp_generic_maps. -1: that failed, and everything has to wait. */
static int map_envelope(struct attempt *attempt)
{
    struct error error;
    struct dsn dsn;

    if (generic_map_envelope(attempt, &error) == 0)
        return 0;
    log_warning("%.*s: %s", SLICE_ARG(attempt->delivery->request.queue_id), error.text);
    delivery_dsn(attempt->delivery, &dsn, "4.3.0", "local data error: %s", error.text);
    attempt->is_final = true;
    attempt_trouble(attempt, "none", &dsn);
    return -1;
}

static void deliver(struct delivery *delivery)
{
    struct journey journey = {.attempt = {.delivery = delivery},
                              .nexthop = delivery->request.nexthop,
                              .is_first_hop = true};
    struct slice hops =
        slice_from(arena_printf(&delivery->arena, "%.*s %s",
                                SLICE_ARG(delivery->request.nexthop), options.fallback_relay));
    struct slice hop = destination_next(&hops);

    journey.attempt.pending =
        arena_array(&delivery->arena, struct recipient *, delivery->n_recipients + 1);
    for (size_t i = 0; i < delivery->n_recipients; i++)
        journey.attempt.pending[journey.attempt.n_pending++] = &delivery->recipients[i];

    if (map_envelope(&journey.attempt) < 0)
        return;
    begin(&journey, hop);
    try_kept_session(&journey);
    while (hop.ptr && journey.attempt.n_pending > 0 && !journey.is_last_hop) {
        struct slice next = destination_next(&hops);
        journey.is_last_hop = next.ptr == NULL;
        try_hop(&journey, hop);
        journey.is_first_hop = false;
        hop = next;
    }
    give_up(&journey);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, deliver);
}

static void before_jail(void)
{
    struct error error;

    options_load(is_lmtp);
    tls_options_load();
    tls_session_open();
    tls_report_open();
    login_open();
    requiretls_open();
    name_search_open();
    generic_open();
    checks_open();
    notice_open();
    delivery_open();
    pix_open();
    debug_peer_open();
    if (is_lmtp)
        dns_reply_filter_open("lmtp_dns_reply_filter", params.lmtp_dns_reply_filter);
    else
        dns_reply_filter_open("smtp_dns_reply_filter", params.smtp_dns_reply_filter);
    if (*options.cache_destinations)
        cached_destinations = open_list("smtp_connection_cache_destinations",
                                        options.cache_destinations, MATCH_PARENTS_NEVER);
    if (is_lmtp)
        delivery_open_filter("lmtp_delivery_status_filter", params.lmtp_delivery_status_filter);
    else
        delivery_open_filter("smtp_delivery_status_filter", params.smtp_delivery_status_filter);
    if (dns_open(&error) < 0)
        log_error("%s", error.text);
}

int main(int argc, char **argv)
{
    struct worker smtp = {
        .name = "smtp",
        .sessions_per_process = 1000,
        .before_jail = before_jail,
        .request = request,
        .draining = session_cache_close,
    };
    const char *slash = strrchr(argv[0], '/');

    is_lmtp = strcmp(slash ? slash + 1 : argv[0], "lmtp") == 0;
    if (is_lmtp)
        smtp.name = "lmtp";
    return worker_main(&smtp, argc, argv);
}
