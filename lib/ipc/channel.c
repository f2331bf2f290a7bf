#include "ipc/channel.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/bug.h"

void channel_init(struct channel *channel, int fd)
{
    *channel = (struct channel){.frame_bytes = 0};
    stream_init(&channel->stream, fd);
}

void channel_release(struct channel *channel)
{
    stream_release(&channel->stream);
}

/*
 * The server closed the connection before it took what we wrote. A goodbye that it sent first
 * is still there to be read, although the stream has failed.
 */
static void hear_last_word(struct channel *channel)
{
    char bytes[64];
    ssize_t len = recv(channel->stream.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    enum message_number number;
    struct slice body;

    if (len > 0 && message_frame(slice_of(bytes, (size_t)len), &number, &body) > 0 &&
        number == MESSAGE_ipc_goodbye)
        channel->said_goodbye = true;
}

/* Whatever happens to a connection may be gone with the next one. */
static int broken(struct channel *channel, struct error *error)
{
    if (channel->stream.state == STREAM_FAILED && channel->stream.saved_errno == EPIPE)
        hear_last_word(channel);
    return error_set(error, ERROR_TEMPORARY, "%s", stream_trouble(&channel->stream));
}

int channel_flush(struct channel *channel, struct error *error)
{
    return stream_flush(&channel->stream) < 0 ? broken(channel, error) : 0;
}

int channel_send(struct channel *channel, enum message_number number, const void *message,
                 struct error *error)
{
    struct stream *stream = &channel->stream;

    message_encode(&stream->out, number, message);
    return stream->out.len >= stream->buffer_bytes ? channel_flush(channel, error) : 0;
}

/* Have at least one more byte of the frame than `available`. */
static int read_more(struct channel *channel, struct slice *available)
{
    size_t least = message_frame_bytes(*available);

    return stream_fill_least(&channel->stream,
                             least > available->len ? least : available->len + 1, available);
}

void channel_drop_frame(struct channel *channel)
{
    stream_consume(&channel->stream, channel->frame_bytes);
    channel->frame_bytes = 0;
}

int channel_receive(struct channel *channel, enum message_number *number, struct slice *body,
                    struct error *error)
{
    struct stream *stream = &channel->stream;
    struct slice available = SLICE_EMPTY;
    ssize_t bytes;

    channel_drop_frame(channel);
    while ((bytes = message_frame(available, number, body)) == 0) {
        if (read_more(channel, &available) < 0) {
            *number = MESSAGE_NONE;
            return stream->state == STREAM_END && stream_pending(stream) == 0
                       ? 0
                       : broken(channel, error);
        }
    }
    if (bytes < 0)
        return error_set(error, ERROR_TEMPORARY, "bytes that are no message of ours");
    channel->frame_bytes = (size_t)bytes;
    return 0;
}

/* A malformed message is malformed for good, but the next server may be in better health. */
static int temporary(struct error *error)
{
    if (error)
        error->kind = ERROR_TEMPORARY;
    return -1;
}

static int failure(struct slice body, struct error *error)
{
    struct ipc_failure message;

    if (message_decode(MESSAGE_ipc_failure, body, &message, error) < 0)
        return temporary(error);
    return error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(message.reason));
}

int channel_expect_body(struct channel *channel, enum message_number number, struct slice *body,
                        struct error *error)
{
    enum message_number found;

    if (channel_receive(channel, &found, body, error) < 0)
        return -1;
    if (found == number)
        return 0;
    if (found == MESSAGE_ipc_failure)
        return failure(*body, error);
    if (found == MESSAGE_ipc_goodbye) {
        channel->said_goodbye = true;
        return error_set(error, ERROR_TEMPORARY, "the server retires");
    }
    if (found == MESSAGE_NONE)
        return error_set(error, ERROR_TEMPORARY, "connection closed");
    return error_set(error, ERROR_TEMPORARY, "%s message instead of %s", message_name(found),
                     message_name(number));
}

int channel_expect(struct channel *channel, enum message_number number, void *message,
                   struct error *error)
{
    struct slice body;

    if (channel_expect_body(channel, number, &body, error) < 0)
        return -1;
    return message_decode(number, body, message, error) < 0 ? temporary(error) : 0;
}
