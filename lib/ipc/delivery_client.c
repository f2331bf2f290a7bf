/*
 * The queue manager's half of a delivery: one request, its recipients, one result.
 */
#include "ipc/delivery_client.h"

#include "ipc/channel.h"

static int send_job(struct channel *channel, struct delivery_job *job, struct error *error)
{
    job->request.n_recipients = (int64_t)job->n_recipients;
    if (channel_send(channel, MESSAGE_delivery_request, &job->request, error) < 0)
        return -1;
    for (size_t i = 0; i < job->n_recipients; i++) {
        const struct recipient *recipient = &job->recipients[i];
        struct delivery_recipient message = {
            .address = recipient->address,
            .original = recipient->original,
            .dsn_original = recipient->dsn_original,
            .notify = recipient->notify,
            .offset = recipient->offset,
        };

        if (channel_send(channel, MESSAGE_delivery_recipient, &message, error) < 0)
            return -1;
    }
    return channel_flush(channel, error);
}

static int expect_result(struct channel *channel, struct delivery_result *result,
                         struct error *error)
{
    stream_set_deadline(&channel->stream, DEADLINE_NONE);
    return channel_expect(channel, MESSAGE_delivery_result, result, error);
}

static void keep_result(struct delivery_result *result, struct buf *storage)
{
    size_t dsn_len = result->dsn.len;

    buf_reset(storage);
    buf_add_slice(storage, result->dsn);
    buf_add_slice(storage, result->reason);
    result->dsn = slice_sub(buf_slice(storage), 0, dsn_len);
    result->reason = slice_from_offset(buf_slice(storage), dsn_len);
}

static int converse(struct channel *channel, struct delivery_job *job,
                    struct delivery_result *result, struct error *error)
{
    return send_job(channel, job, error) < 0 ? -1 : expect_result(channel, result, error);
}

enum delivery_run delivery_run(const char *service, struct delivery_job *job,
                               struct delivery_result *result, struct buf *storage,
                               struct error *error)
{
    CLEANUP(client_call_release) struct client_call call = {0};

    if (client_call_begin(&call, service, job->deadline, error) < 0)
        return DELIVERY_RUN_UNREACHABLE;
    while (converse(call.channel, job, result, error) < 0) {
        /* An agent that said goodbye has not read the request, so nothing has happened. */
        if (!call.channel->said_goodbye || call.n_repeats >= CLIENT_REPEATS_MAX)
            return DELIVERY_RUN_LOST;
        if (client_call_begin_anew(&call, job->deadline, error) < 0)
            return DELIVERY_RUN_UNREACHABLE;
    }
    keep_result(result, storage);
    client_call_done(&call);
    return DELIVERY_RUN_DONE;
}
