#include "outside.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "delivery/pass.h"
#include "ipc/cleanup_client.h"
#include "mail/record.h"

/* -- forwarding
 * ---------------------------------------------------------------------------------- */

static void put_attribute(struct cleanup_client *cleanup, const char *name, struct slice value)
{
    if (value.len > 0)
        cleanup_put_attribute(cleanup, name, value);
}

/* The client's identity goes on to the new message, as pipe(8) and milters show it. */
static void put_envelope(struct cleanup_client *cleanup, const struct job *job,
                         const struct forward *forward)
{
    const struct delivery_request *request = &job->delivery->request;

    cleanup_printf(cleanup, RECORD_TIME, "%" PRId64 " %" PRId64, request->arrival_seconds,
                   request->arrival_microseconds);
    cleanup_put_attribute(cleanup, "rewrite_context", SLICE("local"));
    put_attribute(cleanup, "sasl_method", request->sasl_method);
    put_attribute(cleanup, "sasl_username", request->sasl_username);
    put_attribute(cleanup, "sasl_sender", request->sasl_sender);
    put_attribute(cleanup, "envelope_id", request->envelope_id);
    if (request->ret)
        cleanup_printf(cleanup, RECORD_ATTRIBUTE, "ret_flags=%" PRId64, request->ret);
    cleanup_put(cleanup, RECORD_SENDER, forward->origin->sender);
    put_attribute(cleanup, "encoding", request->encoding);
    put_attribute(cleanup, "log_client_name", request->log_client_name);
    put_attribute(cleanup, "log_client_address", request->log_client_address);
    put_attribute(cleanup, "log_client_port", request->log_client_port);
    put_attribute(cleanup, "log_helo_name", request->log_client_helo);
    put_attribute(cleanup, "log_protocol_name", request->log_client_protocol);
    for (size_t i = 0; i < forward->n_addresses; i++) {
        if (job->recipient->notify == NOTIFY_NEVER ||
            (job->recipient->notify && !forward->origin->has_owner))
            cleanup_printf(cleanup, RECORD_ATTRIBUTE, "notify_flags=%d",
                           job->recipient->notify);
        /* With a list's owner as sender the list's members are the originals. */
        if (!forward->origin->has_owner) {
            put_attribute(cleanup, "dsn_orig_rcpt", job->recipient->dsn_original);
            cleanup_put(cleanup, RECORD_ORIGINAL_RECIPIENT,
                        job->recipient->original.len ? job->recipient->original
                                                     : job->recipient->address);
        }
        cleanup_put(cleanup, RECORD_RECIPIENT, forward->addresses[i]);
    }
}

static int put_content(struct cleanup_client *cleanup, const struct job *job,
                       const struct forward *forward, struct error *error)
{
    struct content_reader reader;
    struct slice line;
    bool continues;
    int result;

    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
    cleanup_printf(cleanup, RECORD_LINE, "Received: by %s (%s)", params.myhostname,
                   params.mail_name);
    cleanup_put_id_and_date(cleanup, time_wall_seconds());
    if (strstr(params.prepend_delivered_header, "forward")) {
        struct slice delivered =
            params.frozen_delivered_to ? job->recipient->address : forward->origin->address;

        cleanup_printf(cleanup, RECORD_LINE, "Delivered-To: %.*s",
                       SLICE_ARG(arena_lower(&job->delivery->arena, delivered)));
    }
    content_open(&reader, &job->delivery->message);
    while ((result = content_next_line(&reader, &line, &continues, error)) > 0)
        cleanup_put(cleanup, continues ? (char)RECORD_PART : (char)RECORD_LINE, line);
    content_close(&reader);
    if (result < 0)
        return -1;
    cleanup_put(cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(cleanup, RECORD_END, SLICE_EMPTY);
    return 0;
}

/* *queue_id is set where the new message was accepted. */
static int send_forward(const struct job *job, const struct forward *forward,
                        const char **queue_id, struct error *error)
{
    CLEANUP(buf_release) struct buf service = BUF_INIT;
    CLEANUP(cleanup_client_release) struct cleanup_client cleanup = {0};
    struct cleanup_result_texts result;
    int send_options =
        (int)job->delivery->request.send_options & (SEND_SMTPUTF8_REQUESTED | SEND_REQUIRETLS);

    buf_printf(&service, "public/%s", params.cleanup_service_name);
    cleanup_open(&cleanup, service.data, CLEANUP_MAP, send_options,
                 deadline_in(params.daemon_timeout));
    put_envelope(&cleanup, job, forward);
    if (put_content(&cleanup, job, forward, error) < 0 ||
        cleanup_finish(&cleanup, &job->delivery->arena, &result, error) < 0)
        return -1;
    if (result.status != CLEANUP_STATUS_OK)
        return error_set(error, ERROR_TEMPORARY, "cannot forward: %s",
                         cleanup_status_detail(result.status)->text);
    *queue_id = arena_text(&job->delivery->arena, slice_from(cleanup.queue_id));
    return 0;
}

void outside_forward_all(struct job *job)
{
    LIST_FOREACH(&job->forwards, link)
    {
        struct forward *forward = CONTAINER_OF(link, struct forward, link);
        const char *queue_id = NULL;
        struct error error;
        struct dsn dsn;
        if (delivery_is_trial(job->delivery)) {
            delivery_dsn(job->delivery, &dsn, "2.0.0", "forwards to \"%.*s\"%s",
                         SLICE_ARG(forward->addresses[0]),
                         forward->n_addresses > 1 ? " and others" : "");
        } else if (send_forward(job, forward, &queue_id, &error) < 0) {
            delivery_dsn(job->delivery, &dsn, "4.3.0", "%s", error.text);
        } else {
            delivery_dsn(job->delivery, &dsn, "2.0.0", "forwarded as %s", queue_id);
        }
        job_ended(job, job->recipient->address, &dsn);
    }
}

/* -- another agent
 * --------------------------------------------------------------------------------- */

void outside_pass(struct job *job, struct slice address, const char *transport)
{
    struct recipient recipient = *job->recipient;
    struct error error;
    struct dsn dsn;

    recipient.address = address;
    job->is_handled = true;
    switch (delivery_pass(job->delivery, &recipient, transport, slice_from(params.myhostname),
                          &error)) {
    case DELIVERY_PASSED:
        return;
    case DELIVERY_PASSED_LEFT:
        job->is_incomplete = true;
        return;
    case DELIVERY_NOT_PASSED:
        break;
    }
    log_warning("%s", error.text);
    delivery_dsn(job->delivery, &dsn, "4.3.0", "mail transport unavailable");
    job_ended(job, address, &dsn);
}
