#include "ipc/sasl_client.h"

#include <string.h>

#define SERVICE       "private/sasl"
#define TOKEN_SERVICE "private/sasltoken"

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
    if (client_call_begin(&dialogue->call, SERVICE, until, error) < 0)
        return -1;
    while (exchange(dialogue, number, begin, result, error) < 0) {
        if (!client_call_may_repeat(&dialogue->call)) {
            sasl_dialogue_release(dialogue);
            return error_context(error, SERVICE);
        }
        if (client_call_begin_anew(&dialogue->call, until, error) < 0)
            return -1;
    }
    return 0;
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
    struct channel *channel = dialogue->call.channel;

    if (channel && dialogue->is_over) {
        channel_drop_frame(channel);
        stream_shrink(&channel->stream); /* passwords went this way */
        client_call_done(&dialogue->call);
    }
    client_call_release(&dialogue->call);
    dialogue->is_over = false;
}

int sasl_token_get(const struct sasl_token_request *request, deadline_t until,
                   struct buf *token, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF_SECRET_INIT;
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
