/*
 * Running deliveries.
 */
#include "deliver.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "finish.h"
#include "ipc/bounce_client.h"
#include "ipc/delivery_client.h"
#include "job.h"
#include "mail.h"
#include "mail/delivery_line.h"
#include "mail/verp.h"
#include "place.h"

/* Each takes a stack and a connection; the kernel allows some 30000 stacks a process. */
#define DELIVERIES_MAX 10000

/* Without a stack for another delivery: look again after so long. */
#define NO_STACK_REST_MS 1000

static long n_deliveries;
static bool is_stopped;

static void deliver(void *arg);

static void start_deliveries(struct transport *transport)
{
    struct entry *entry;

    while (!is_stopped && n_deliveries < DELIVERIES_MAX && (entry = job_select(transport))) {
        if (!co_spawn("delivery", deliver, entry)) {
            job_move_selected(entry, entry->destination);
            transport_rest(transport, NO_STACK_REST_MS);
            return;
        }
        n_deliveries++;
    }
}

void deliver_start(void)
{
    transport_wake = start_deliveries;
}

void deliver_stop(void)
{
    is_stopped = true;
}

long deliver_count(void)
{
    return n_deliveries;
}

static bool has_utf8_address(const struct entry *entry)
{
    for (size_t i = 0; i < entry->n_recipients; i++) {
        struct slice address = entry->recipients[i].address;

        if (!slice_is_ascii(address) && slice_is_utf8(address))
            return true;
    }
    return false;
}

static struct slice sender_for(const struct entry *entry, struct arena *arena)
{
    const struct envelope *envelope = &entry->mail->message.envelope;
    const struct recipient *first = &entry->recipients[0];

    if (!mail_is_verp(entry->mail))
        return envelope->sender;
    return verp_sender(arena, envelope->verp_delimiters, envelope->sender,
                       first->original.len ? first->original : first->address);
}

static void compose(struct delivery_request *request, const struct entry *entry,
                    struct arena *arena)
{
    const struct mail *mail = entry->mail;
    const struct envelope *envelope = &mail->message.envelope;

    *request = (struct delivery_request){
        .flags = mail->flags | (entry->destination->n_todo == 0 ? DELIVERY_FLAG_LAST : 0),
        .queue_name = SLICE("active"),
        .queue_id = mail_id(mail),
        .content_offset = envelope->content_offset,
        .content_size = envelope->content_size,
        .data_size = envelope->data_size,
        .transport = slice_from(entry->destination->transport->name),
        .nexthop = slice_from(entry->destination->nexthop),
        .encoding = envelope->encoding,
        .send_options = envelope->send_options,
        .sender = sender_for(entry, arena),
        .envelope_id = envelope->envelope_id,
        .ret = envelope->ret,
        .trace_flags = envelope->trace_flags,
        .arrival_seconds = envelope->arrival_time.tv_sec,
        .arrival_microseconds = envelope->arrival_time.tv_usec,
        .create_time = envelope->create_time,
        .active_seconds = mail->active_since.tv_sec,
        .active_microseconds = mail->active_since.tv_usec,
        .rewrite_context = envelope->rewrite_context,
        .log_client_name = envelope->log_client.name,
        .log_client_address = envelope->log_client.address,
        .log_client_port = envelope->log_client.port,
        .log_client_helo = envelope->log_client.helo,
        .log_client_protocol = envelope->log_client.protocol,
        .log_ident = envelope->log_ident,
        .sasl_method = envelope->sasl_method,
        .sasl_username = envelope->sasl_username,
        .sasl_sender = envelope->sasl_sender,
        .message_id = envelope->message_id,
    };
    if (params.smtputf8_enable && has_utf8_address(entry))
        request->send_options |= SEND_SMTPUTF8_RECIPIENT;
    if (mail_is_verp(mail) && params.smtputf8_enable && !slice_is_ascii(request->sender))
        request->send_options |= SEND_SMTPUTF8_SENDER;
}

/* Everything that waits for the transport goes to the retry service. */
static void move_all_waiting(struct transport *transport, struct destination *retry)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&transport->destinations, &cursor, &key, &value)) {
        job_move_waiting(value, retry);
        destination_forget_if_idle(value);
    }
}

/* The retry service itself is out of order: log, note in the defer log, and go on. */
static void defer_here(struct entry *entry, struct slice reason)
{
    struct dsn dsn = {.status = "4.3.0", .action = "delayed", .reason = reason};
    struct delivery_times times = {
        .incoming = entry->mail->message.envelope.arrival_time,
        .active_start = entry->mail->active_since,
    };

    if (dsn_status_parse(reason, dsn.status, &reason))
        dsn.reason = reason;
    for (size_t i = 0; i < entry->n_recipients; i++) {
        CLEANUP(buf_release) struct buf line = BUF_INIT;
        struct status_entry status = {entry->recipients[i], dsn};
        struct delivery_report report = {
            .queue_id = mail_id(entry->mail),
            .recipient = &entry->recipients[i],
            .relay = SLICE("none"),
            .times = &times,
            .status = "deferred",
            .dsn = &dsn,
        };
        struct error error = ERROR_INIT;

        if (bounce_append_entry(BOUNCE_LOG_DEFER, mail_id(entry->mail), &status, 0,
                                deadline_in(params.ipc_timeout), &error) < 0)
            log_warning("%s: %s service failure: %s", entry->mail->id,
                        params.defer_service_name, error.text);
        delivery_line(&line, &report, params.delay_logging_resolution_limit);
        log_info("%s", line.data);
    }
    entry->mail->deferred = true;
}

static void log_unreachable(const struct transport *transport, const struct error *error)
{
    static const char prefix[] = "connect to ";

    if (slice_starts_with(slice_from(error->text), prefix))
        log_warning("connect to transport %s", error->text + strlen(prefix));
    else
        log_warning("transport %s: %s", transport->name, error->text);
}

/* Nobody took the delivery. False when the entry went to the retry service. */
static bool transport_failed(struct entry *entry, const struct error *error)
{
    struct transport *transport = entry->destination->transport;
    struct destination *retry;

    if (!transport->trouble) /* else another delivery has met with the same */
        log_unreachable(transport, error);
    transport_throttle(transport, "4.3.0 mail transport unavailable");
    if (transport_is_retry(transport)) {
        defer_here(entry, slice_from(entry->destination->nexthop));
        return true;
    }
    retry = place_retry(transport->trouble);
    job_move_selected(entry, retry);
    move_all_waiting(transport, retry);
    start_deliveries(retry->transport);
    return false;
}

static void account(struct entry *entry, const struct delivery_result *result)
{
    struct destination *destination = entry->destination;

    if (result->n_left > 0)
        entry->mail->deferred = true;
    if (result->status == 0) {
        destination_succeeded(destination);
        return;
    }
    struct buf reason = BUF_INIT;

    buf_printf(&reason, "%.*s %.*s", SLICE_ARG(result->dsn), SLICE_ARG(result->reason));
    destination_failed(destination, reason.data);
    buf_release(&reason);
    if (destination_is_dead(destination) && destination->n_todo > 0) {
        struct destination *retry = place_suspended(destination);

        if (retry != destination)
            job_move_waiting(destination, retry);
        start_deliveries(retry->transport);
    }
}

/* False when the entry was queued again, at the retry service. */
static bool attempt(struct entry *entry)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct transport *transport = entry->destination->transport;
    struct delivery_job job = {
        .recipients = entry->recipients,
        .n_recipients = entry->n_recipients,
        .deadline = deadline_in(params.qmgr_ipc_timeout),
    };
    struct delivery_result result;
    struct error error = ERROR_INIT;

    if (transport->trouble && transport_is_retry(transport)) {
        defer_here(entry, slice_from(entry->destination->nexthop));
        return true;
    }
    compose(&job.request, entry, &arena);
    switch (delivery_run(transport->service, &job, &result, &storage, &error)) {
    case DELIVERY_RUN_DONE:
        account(entry, &result);
        return true;
    case DELIVERY_RUN_UNREACHABLE:
        return transport_failed(entry, &error);
    case DELIVERY_RUN_LOST:
        break;
    }
    /* What it did is in the queue file; the rest is tried again. */
    log_warning("%s socket: malformed response", transport->service);
    log_debug(1, "%s: %s: %s", entry->mail->id, transport->service, error.text);
    entry->mail->deferred = true;
    return true;
}

static void deliver(void *arg)
{
    struct entry *entry = arg;
    struct mail *mail = entry->mail;
    struct transport *transport = entry->destination->transport;
    bool ended = attempt(entry);

    if (ended)
        job_entry_done(entry);
    n_deliveries--;
    start_deliveries(transport);
    if (ended)
        mail_progress(mail);
}
