#include "ipc/sasl_client.h"

#include <string.h>

#define SERVICE       "private/sasl"
#define TOKEN_SERVICE "private/sasltoken"

/* An idle connection may have been closed at the other end; so many in a row were not. */
#define ATTEMPTS_MAX 4

int sasl_mechanisms(const struct sasl_mechanisms_request *request, deadline_t until,
                    struct buf *names, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct sasl_mechanisms reply;

    if (client_request(SERVICE,
                       &(struct client_exchange){MESSAGE_sasl_mechanisms_request, request,
                                                 MESSAGE_sasl_mechanisms, &reply, &storage},
                       until, error) < 0)
        return -1;
    buf_set(names, reply.names);
    return 0;
}

static int exchange(struct sasl_dialogue *dialogue, enum message_number number,
                    const void *message, struct sasl_result *result, struct error *error)
{
    struct channel *channel = dialogue->call.channel;

    if (channel_send(channel, number, message, error) < 0 ||
        channel_expect(channel, MESSAGE_sasl_result, result, error) < 0)
        return -1;
    if (result->status < SASL_STATUS_DONE || result->status > SASL_STATUS_TEMPORARY)
        return error_set(error, ERROR_TEMPORARY, "unknown status");
    dialogue->is_over = result->status != SASL_STATUS_MORE;
    return 0;
}

int sasl_dialogue_begin(struct sasl_dialogue *dialogue, enum message_number number,
                        const void *begin, deadline_t until, struct sasl_result *result,
                        struct error *error)
{
    bool is_stale = true;

    for (int n = 0; is_stale && n < ATTEMPTS_MAX; n++) {
        if (client_call_begin(&dialogue->call, SERVICE, until, error) < 0)
            return -1;
        dialogue->is_open = true;
        if (exchange(dialogue, number, begin, result, error) == 0)
            return 0;
        /* Nothing came of it: what was asked has left no trace there. */
        is_stale = dialogue->call.channel->stream.state != STREAM_TIMEOUT &&
                   (dialogue->call.is_reused || dialogue->call.channel->said_goodbye);
        sasl_dialogue_release(dialogue);
    }
    return error_context(error, SERVICE);
}

int sasl_dialogue_step(struct sasl_dialogue *dialogue, struct slice response, deadline_t until,
                       struct sasl_result *result, struct error *error)
{
    const struct sasl_response message = {.response = response};

    stream_set_deadline(&dialogue->call.channel->stream, until);
    if (exchange(dialogue, MESSAGE_sasl_response, &message, result, error) == 0)
        return 0;
    return error_context(error, SERVICE);
}

void sasl_dialogue_release(struct sasl_dialogue *dialogue)
{
    if (dialogue->is_open)
        stream_shrink(&dialogue->call.channel->stream); /* passwords went this way */
    if (dialogue->is_open && dialogue->is_over)
        client_call_done(&dialogue->call);
    else if (dialogue->is_open)
        client_call_release(&dialogue->call);
    dialogue->is_open = dialogue->is_over = false;
}

int sasl_token_get(const struct sasl_token_request *request, deadline_t until,
                   struct buf *token, struct error *error)
{
    CLEANUP(buf_wipe) struct buf storage = BUF_INIT;
    struct sasl_token reply;

    if (client_request(TOKEN_SERVICE,
                       &(struct client_exchange){MESSAGE_sasl_token_request, request,
                                                 MESSAGE_sasl_token, &reply, &storage},
                       until, error) < 0)
        return -1;
    if (reply.status != 0)
        return error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(reply.reason));
    buf_set(token, reply.token);
    return 0;
}
