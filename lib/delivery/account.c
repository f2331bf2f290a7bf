/*
 * Accounting for a recipient: the log line, the status log, the mark in the queue file.
 *
 * The order matters: first the log that the sender will be told from, then the line for people,
 * then the mark. A crash in between repeats the attempt and loses nothing.
 */
#include <errno.h>

#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "delivery/delivery.h"
#include "delivery/filter.h"
#include "ipc/bounce_client.h"
#include "ipc/delivery_client.h"
#include "ipc/flush_client.h"
#include "ipc/verify_client.h"
#include "mail/address.h"
#include "route/domains.h"
#include "route/open_maps.h"

static void log_attempt(struct delivery *delivery, const struct recipient *recipient,
                        struct slice relay, const char *status, const struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    delivery->times.deliver_done = time_wall();
    delivery_line(&line,
                  &(struct delivery_report){.queue_id = delivery->request.queue_id,
                                            .recipient = recipient,
                                            .relay = relay,
                                            .times = &delivery->times,
                                            .tls_status = delivery->tls_status,
                                            .status = status,
                                            .dsn = dsn},
                  params.delay_logging_resolution_limit);
    log_info("%s", line.data);
}

static int append(struct delivery *delivery, enum bounce_log log,
                  const struct recipient *recipient, const struct dsn *dsn)
{
    struct status_entry entry = {*recipient, *dsn};
    struct error error = ERROR_INIT;

    if (bounce_append_entry(log, delivery->request.queue_id, &entry, 0,
                            deadline_in(params.ipc_timeout), &error) == 0)
        return 0;
    log_warning("%s: %s service failure: %s", delivery->request.queue_id.ptr,
                log == BOUNCE_LOG_BOUNCE  ? params.bounce_service_name
                : log == BOUNCE_LOG_DEFER ? params.defer_service_name
                                          : params.trace_service_name,
                error.text);
    return -1;
}

/* What a report of the delivery tells says by whom, too. */
static int append_trace(struct delivery *delivery, const struct recipient *recipient,
                        struct slice relay, const struct dsn *dsn)
{
    struct dsn via = *dsn;

    if (!slice_equals(relay, "none"))
        via.reason = slice_from(arena_printf(&delivery->arena, "delivery via %.*s: %.*s",
                                             SLICE_ARG(relay), SLICE_ARG(dsn->reason)));
    return append(delivery, BOUNCE_LOG_TRACE, recipient, &via);
}

void delivery_expanded(struct delivery *delivery, struct recipient *recipient,
                       struct slice relay, const char *action)
{
    struct dsn dsn;

    if (!(recipient->notify & NOTIFY_SUCCESS))
        return;
    delivery_dsn(delivery, &dsn, "2.0.0", "alias expanded");
    dsn.action = action;
    if (append_trace(delivery, recipient, relay, &dsn) < 0)
        return; /* so the deliveries will be reported */
    recipient->notify &= ~NOTIFY_SUCCESS;
    if (!recipient->notify)
        recipient->notify = NOTIFY_NEVER;
}

/* "sendmail -v": the sender wants to see each attempt. */
static int append_trace_if_wanted(struct delivery *delivery, const struct recipient *recipient,
                                  struct slice relay, const struct dsn *dsn)
{
    if (!(delivery->request.flags & DELIVERY_FLAG_RECORD))
        return 0;
    return append_trace(delivery, recipient, relay, dsn);
}

void delivery_mark_done(struct delivery *delivery, struct recipient *recipient)
{
    if (recipient->done)
        return;
    if (recipient->is_derived) {
        recipient->done = true;
        return;
    }
    if (message_mark_done(delivery->fd, recipient->offset) < 0) {
        log_warning("%s: cannot mark recipient %s as done: %m", delivery->request.queue_id.ptr,
                    recipient->address.ptr);
        return; /* so it stays in the queue */
    }
    recipient->done = true;
    delivery->n_done++;
}

static void report_to_verify(struct delivery *delivery, struct recipient *recipient,
                             struct slice relay, const struct dsn *dsn,
                             enum verify_recipient_status status)
{
    deadline_t until = deadline_in(params.ipc_timeout);
    struct dsn verdict = *dsn;
    struct error error = ERROR_INIT;
    int result = 0;

    verdict.action = status == VERIFY_RECIPIENT_OK ? "deliverable" : "undeliverable";
    if (status != VERIFY_RECIPIENT_OK && !params.address_verify_negative_cache) {
        verdict.action = "undeliverable-but-not-cached";
    } else {
        if (recipient->original.len)
            result = verify_report(recipient->original, status, dsn->reason, until, &error);
        if (result == 0 && !slice_same(recipient->original, recipient->address))
            result = verify_report(recipient->address, status, dsn->reason, until, &error);
    }
    if (result < 0) {
        log_warning("%s: %s service failure: %s", delivery->request.queue_id.ptr,
                    params.address_verify_service_name, error.text);
        return;
    }
    log_attempt(delivery, recipient, relay, verdict.action, &verdict);
    delivery_mark_done(delivery, recipient);
}

/*
 * Requests that deliver nothing: an address probe tells the verify service, sendmail -bv writes
 * the trace log. False for a real delivery.
 */
static bool is_answered_without_delivery(struct delivery *delivery, struct recipient *recipient,
                                         struct slice relay, const struct dsn *dsn)
{
    char class_digit = dsn->status[0];
    struct dsn verdict = *dsn;

    if (delivery->request.flags & DELIVERY_FLAG_VERIFY) {
        report_to_verify(delivery, recipient, relay, dsn,
                         class_digit == '2'   ? VERIFY_RECIPIENT_OK
                         : class_digit == '4' ? VERIFY_RECIPIENT_DEFER
                                              : VERIFY_RECIPIENT_BOUNCE);
        return true;
    }
    if (!(delivery->request.flags & DELIVERY_FLAG_EXPAND))
        return false;
    verdict.action = class_digit == '2' ? "deliverable" : "undeliverable";
    if (append_trace(delivery, recipient, relay, &verdict) == 0) {
        log_attempt(delivery, recipient, relay, verdict.action, &verdict);
        delivery_mark_done(delivery, recipient);
    }
    return true;
}

static struct match_list *flush_domains;

void delivery_open(void)
{
    flush_domains = open_list("fast_flush_domains", params.fast_flush_domains,
                              domains_parents("fast_flush_domains"));
}

void delivery_check_limit(const char *name, int64_t limit)
{
    if (limit == 0 || (params.message_size_limit > 0 && limit >= params.message_size_limit))
        return;
    if (params.message_size_limit == 0)
        fatal(1, "configuration error: %s is limited but message_size_limit is unlimited",
              name);
    fatal(1, "configuration error: %s is smaller than message_size_limit", name);
}

/* "[192.0.2.1]" is listed as 192.0.2.1. When the list cannot say, flush does. */
static bool may_be_flushed(struct slice domain)
{
    struct error error;

    if (!*params.fast_flush_domains)
        return false;
    if (slice_starts_with(domain, "[") && slice_ends_with(domain, "]"))
        domain = slice_sub(domain, 1, domain.len - 2);
    return !flush_domains || match_list_name(flush_domains, domain, &error) != TABLE_NOT_FOUND;
}

/* ETRN and postqueue -s find the message by its destination. */
static void note_for_flush(struct delivery *delivery, const struct recipient *recipient)
{
    struct slice domain = address_domain(recipient->address);
    enum flush_status status = FLUSH_STATUS_OK;
    struct error error = ERROR_INIT;

    if (slice_is_empty(domain) || slice_same_nocase(domain, delivery->flush_site) ||
        !may_be_flushed(domain))
        return;
    delivery->flush_site = domain;
    if (flush_domains && conf_uses_old_default("fast_flush_domains", "2") &&
        conf_uses_old_default("relay_domains", "2"))
        log_info("using backwards-compatible default setting relay_domains=$mydestination to "
                 "update fast-flush logfile for domain \"%.*s\"",
                 SLICE_ARG(domain));
    if (flush_add_message(domain, delivery->request.queue_id, deadline_in(params.ipc_timeout),
                          &status, &error) < 0 ||
        status == FLUSH_STATUS_FAIL || status == FLUSH_STATUS_BAD)
        log_warning("%s: %s service failure: %s", delivery->request.queue_id.ptr,
                    params.flush_service_name, error.text);
}

/* The recipient stays in the queue whether the logs could be written or not. */
static void defer(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                  const struct dsn *dsn)
{
    struct dsn delayed = *dsn;

    delayed.action = "delayed";
    if (append(delivery, BOUNCE_LOG_DEFER, recipient, &delayed) == 0)
        (void)append_trace_if_wanted(delivery, recipient, relay, &delayed);
    log_attempt(delivery, recipient, relay, "deferred", &delayed);
    note_for_flush(delivery, recipient);
}

static void defer_for_service(struct delivery *delivery, struct recipient *recipient,
                              struct slice relay, const char *service)
{
    struct dsn dsn;

    delivery_dsn(delivery, &dsn, "4.3.0", "%s: %s service failed",
                 delivery->request.queue_id.ptr, service);
    defer(delivery, recipient, relay, &dsn);
}

/*
 * NOTIFY=SUCCESS asks for a report made from the trace log, too, and so does
 * confirm_delay_cleared after a delay warning.
 */
static int append_success(struct delivery *delivery, const struct recipient *recipient,
                          struct slice relay, const struct dsn *dsn)
{
    if (append_trace_if_wanted(delivery, recipient, relay, dsn) < 0)
        return -1;
    if (!(recipient->notify & NOTIFY_SUCCESS) &&
        !(delivery->request.flags & DELIVERY_FLAG_DELAY_CLEARED))
        return 0;
    return append_trace(delivery, recipient, relay, dsn);
}

static void succeed(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                    const struct dsn *dsn)
{
    struct dsn delivered = *dsn;

    if (!delivered.action)
        delivered.action = "delivered";
    if (append_success(delivery, recipient, relay, &delivered) < 0) {
        defer_for_service(delivery, recipient, relay, params.trace_service_name);
        return;
    }
    log_attempt(delivery, recipient, relay, "sent", &delivered);
    delivery_mark_done(delivery, recipient);
}

/* soft_bounce: what would bounce stays in the queue, and shows as such. */
static void bounce_softly(struct delivery *delivery, struct recipient *recipient,
                          struct slice relay, const struct dsn *dsn)
{
    struct dsn delayed = *dsn;

    dsn_set_class(delayed.status, '4');
    delayed.action = "delayed";
    if (append(delivery, BOUNCE_LOG_DEFER, recipient, &delayed) == 0)
        (void)append_trace_if_wanted(delivery, recipient, relay, &delayed);
    log_attempt(delivery, recipient, relay, "SOFTBOUNCE", &delayed);
}

static void bounce(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                   const struct dsn *dsn)
{
    struct dsn failed = *dsn;

    failed.action = "failed";
    if (append(delivery, BOUNCE_LOG_BOUNCE, recipient, &failed) < 0) {
        defer_for_service(delivery, recipient, relay, params.bounce_service_name);
        return;
    }
    if (append_trace_if_wanted(delivery, recipient, relay, &failed) < 0) {
        defer_for_service(delivery, recipient, relay, params.trace_service_name);
        return;
    }
    log_attempt(delivery, recipient, relay, "bounced", &failed);
    delivery_mark_done(delivery, recipient);
}

static void account(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                    const struct dsn *reported)
{
    struct dsn dsn = *reported;

    delivery_filter(&delivery->arena, &dsn);
    if (is_answered_without_delivery(delivery, recipient, relay, &dsn))
        return;
    if (dsn.status[0] == '2')
        succeed(delivery, recipient, relay, &dsn);
    else if (dsn.status[0] == '4')
        defer(delivery, recipient, relay, &dsn);
    else if (params.soft_bounce)
        bounce_softly(delivery, recipient, relay, &dsn);
    else
        bounce(delivery, recipient, relay, &dsn);
}

/*
 * A code of another class than the agent meant must not turn mail into bounces, or success into
 * repetition: the class is what counts.
 */
static void account_as(struct delivery *delivery, struct recipient *recipient,
                       struct slice relay, const struct dsn *reported, const char *fallback)
{
    struct dsn dsn = *reported;

    if (dsn.status[0] != fallback[0]) {
        log_warning("%s: ignoring dsn code \"%s\"",
                    fallback[0] == '2'   ? "sent"
                    : fallback[0] == '4' ? "defer_append"
                                         : "bounce_append",
                    dsn.status);
        bug_if(!dsn_status_parse(slice_from(fallback), dsn.status, NULL));
    }
    account(delivery, recipient, relay, &dsn);
}

void delivery_sent(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                   const struct dsn *dsn)
{
    account_as(delivery, recipient, relay, dsn, "2.0.0");
}

void delivery_deferred(struct delivery *delivery, struct recipient *recipient,
                       struct slice relay, const struct dsn *dsn)
{
    account_as(delivery, recipient, relay, dsn, "4.0.0");
}

void delivery_bounced(struct delivery *delivery, struct recipient *recipient,
                      struct slice relay, const struct dsn *dsn)
{
    account_as(delivery, recipient, relay, dsn, "5.0.0");
}

void delivery_ended(struct delivery *delivery, struct recipient *recipient, struct slice relay,
                    const struct dsn *dsn)
{
    char class_digit = dsn->status[0];

    account_as(delivery, recipient, relay, dsn,
               class_digit == '2'   ? "2.0.0"
               : class_digit == '5' ? "5.0.0"
                                    : "4.0.0");
}
