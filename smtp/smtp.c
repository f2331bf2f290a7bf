/*
 * smtp, lmtp: take a delivery of the queue manager to the hosts of its next hop, one after the
 * other, until every recipient has had an answer.
 */
#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "delivery/delivery.h"
#include "destination.h"
#include "dns/dns.h"
#include "ipc/delivery_client.h"
#include "options.h"
#include "session.h"
#include "session_cache.h"
#include "table/match_list.h"
#include "transaction.h"
#include "worker/worker.h"

static bool is_lmtp;
static struct match_list *cached_destinations;

/* Try no longer than this to find the hosts of one next hop. */
#define RESOLVE_LIMIT MINUTES(5)

/* One delivery on its way through the next hops. */
struct journey {
    struct attempt attempt;
    struct slice nexthop; /* as given: the key of kept connections */
    size_t n_sessions;    /* that got as far as EHLO */
    bool is_last_hop;
};

static bool may_keep_session(const struct journey *journey)
{
    struct error error;

    if (options.cache_on_demand &&
        !(journey->attempt.delivery->request.flags & DELIVERY_FLAG_LAST))
        return true;
    return cached_destinations &&
           match_list_name(cached_destinations, journey->nexthop, &error) == TABLE_FOUND;
}

/* Run the transaction; what is left of the session goes where it belongs. */
static enum transaction use_session(struct journey *journey, struct session *session)
{
    bool may_keep = may_keep_session(journey);

    journey->attempt.delivery->times.connection_reuses = session->n_transactions;
    journey->attempt.delivery->times.connect_done = time_wall();
    enum transaction result = transaction_run(session, &journey->attempt, may_keep);
    switch (result) {
    case TRANSACTION_DONE:
        if (may_keep)
            session_cache_keep(session, journey->nexthop);
        else
            session_quit(session);
        break;
    case TRANSACTION_QUIT:
    case TRANSACTION_BROKEN:
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

/* A connection that an earlier message left: no look-up, no handshake. */
static void try_kept_session(struct journey *journey)
{
    struct session *session;

    while (journey->attempt.n_pending > 0 &&
           (session = session_cache_take(journey->nexthop)) != NULL) {
        journey->attempt.is_final = false; /* the hosts are still to be tried */
        if (use_session(journey, session) != TRANSACTION_STALE)
            break;
    }
}

static void try_host(struct journey *journey, const struct host *host)
{
    struct attempt *attempt = &journey->attempt;
    struct dsn dsn = {0};
    bool connected;
    struct session *session = session_open(host, &attempt->delivery->arena, &connected, &dsn);

    if (session) {
        journey->n_sessions++;
        use_session(journey, session);
        return;
    }
    if (!connected) {
        log_info("%.*s", SLICE_ARG(dsn.reason));
        attempt->last = dsn;
        attempt->last_relay = "none";
        return;
    }
    journey->n_sessions++;
    if (attempt->is_final)
        delivery_destination_failed(attempt->delivery, &dsn);
    CLEANUP(buf_release) struct buf relay = BUF_INIT;
    char address[ENDPOINT_TEXT_BYTES];
    buf_printf(&relay, "%.*s[%s]:%u", SLICE_ARG(host->name),
               endpoint_text(&host->address, address), (unsigned)endpoint_port(&host->address));
    attempt_trouble(attempt, relay.data, &dsn);
}

static void try_hop(struct journey *journey, struct slice hop)
{
    struct attempt *attempt = &journey->attempt;
    struct host_list list;
    struct dsn dsn;

    if (destination_hosts(hop, deadline_in(RESOLVE_LIMIT), &attempt->delivery->arena, &list,
                          &dsn) < 0) {
        attempt->last = dsn;
        attempt->last_relay = "none";
        return;
    }
    for (size_t i = 0; i < list.count && attempt->n_pending > 0; i++) {
        if (is_session_limit_reached(journey, 0))
            break;
        attempt->is_final = (journey->is_last_hop && i + 1 == list.count) ||
                            is_session_limit_reached(journey, 1);
        try_host(journey, &list.hosts[i]);
    }
}

/* Nobody took these: with the last trouble met. */
static void give_up(struct journey *journey)
{
    struct attempt *attempt = &journey->attempt;

    if (attempt->n_pending == 0)
        return;
    if (attempt->last.status[0] == '\0')
        delivery_dsn(attempt->delivery, &attempt->last, "4.4.1", "no host to try for %.*s",
                     SLICE_ARG(journey->nexthop));
    if (attempt->last.status[0] == '4')
        delivery_destination_failed(attempt->delivery, &attempt->last);
    attempt->is_final = true;
    struct dsn last = attempt->last;
    attempt_trouble(attempt, attempt->last_relay ? attempt->last_relay : "none", &last);
}

static void deliver(struct delivery *delivery)
{
    struct journey journey = {.attempt = {.delivery = delivery},
                              .nexthop = delivery->request.nexthop};
    struct slice hops =
        slice_from(arena_printf(&delivery->arena, "%.*s %s",
                                SLICE_ARG(delivery->request.nexthop), options.fallback_relay));
    struct slice next;

    journey.attempt.pending =
        arena_array(&delivery->arena, struct recipient *, delivery->n_recipients + 1);
    for (size_t i = 0; i < delivery->n_recipients; i++)
        journey.attempt.pending[journey.attempt.n_pending++] = &delivery->recipients[i];

    try_kept_session(&journey);
    for (struct slice hop = destination_next(&hops); hop.ptr && journey.attempt.n_pending > 0;
         hop = next) {
        next = destination_next(&hops);
        journey.is_last_hop = next.ptr == NULL;
        try_hop(&journey, hop);
    }
    give_up(&journey);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    return delivery_answer(channel, number, body, deliver);
}

static void before_jail(void)
{
    struct error error = ERROR_INIT;

    options_load(is_lmtp);
    if (*options.cache_destinations)
        cached_destinations =
            match_list_open("smtp_connection_cache_destinations", options.cache_destinations,
                            MATCH_PARENTS_NEVER, &error);
    if (is_lmtp)
        delivery_open_filter("lmtp_delivery_status_filter", params.lmtp_delivery_status_filter);
    else
        delivery_open_filter("smtp_delivery_status_filter", params.smtp_delivery_status_filter);
    if (error.kind == ERROR_NONE && dns_open(&error) == 0)
        return;
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
