/*
 * Requests to the bounce service under its three names: bounce, defer and trace.
 */
#include "ipc/bounce_client.h"

#include "base/mem.h"
#include "conf/params.h"
#include "ipc/client.h"

static const char *service_of(enum bounce_log log)
{
    static char *services[BOUNCE_LOG_TRACE + 1];

    if (!services[log]) {
        struct buf path = BUF_INIT;

        buf_printf(&path, "private/%s",
                   log == BOUNCE_LOG_BOUNCE  ? params.bounce_service_name
                   : log == BOUNCE_LOG_DEFER ? params.defer_service_name
                                             : params.trace_service_name);
        services[log] = buf_take(&path);
    }
    return services[log];
}

static int ask(enum bounce_log log, enum message_number number, const void *request,
               deadline_t until, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct bounce_result result;

    if (client_request(service_of(log),
                       &(struct client_exchange){number, request, MESSAGE_bounce_result,
                                                 &result, &storage},
                       until, error) < 0)
        return -1;
    if (result.status != 0)
        return error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(result.reason));
    return 0;
}

int bounce_append_entry(enum bounce_log log, struct slice queue_id,
                        const struct status_entry *entry, unsigned flags, deadline_t until,
                        struct error *error)
{
    struct bounce_append append = {
        .log = log,
        .flags = flags,
        .queue_id = queue_id,
        .recipient = entry->recipient.address,
        .original = entry->recipient.original,
        .dsn_original = entry->recipient.dsn_original,
        .notify = entry->recipient.notify,
        .offset = entry->recipient.offset,
        .status = slice_from(entry->dsn.status),
        .action = slice_from(entry->dsn.action),
        .reason = entry->dsn.reason,
        .diagnostic_type = slice_from(entry->dsn.diagnostic_type),
        .diagnostic = entry->dsn.diagnostic,
        .mta_type = slice_from(entry->dsn.mta_type),
        .mta = entry->dsn.mta,
    };

    return ask(log, MESSAGE_bounce_append, &append, until, error);
}

static enum bounce_log log_of_flush(enum bounce_flush_kind kind)
{
    switch (kind) {
    case BOUNCE_FLUSH_EXPIRED:
    case BOUNCE_FLUSH_WARN:
        return BOUNCE_LOG_DEFER;
    case BOUNCE_FLUSH_TRACE:
        return BOUNCE_LOG_TRACE;
    case BOUNCE_FLUSH_BOUNCE:
        break;
    }
    return BOUNCE_LOG_BOUNCE;
}

int bounce_flush_log(const struct bounce_notice *notice, const struct envelope *envelope,
                     deadline_t until, struct error *error)
{
    struct bounce_flush flush = {
        .kind = notice->kind,
        .flags = notice->flags,
        .queue_name = slice_from(notice->queue_name),
        .queue_id = notice->queue_id,
        .encoding = envelope->encoding,
        .send_options = envelope->send_options,
        .sender = envelope->sender,
        .envelope_id = envelope->envelope_id,
        .ret = envelope->ret,
        .verp_delimiters = envelope->verp_delimiters,
    };

    return ask(log_of_flush(notice->kind), MESSAGE_bounce_flush, &flush, until, error);
}
