#include "body.h"

#include "mail/message.h"
#include "options.h"

enum { WIRE_BUFFER_BYTES = 32768 };

bool body_needs_smtputf8(const struct delivery *delivery)
{
    int64_t requested = delivery->request.send_options;

    if (!(requested & SEND_SMTPUTF8_REQUESTED))
        return false;
    if (requested & (SEND_SMTPUTF8_HEADER | SEND_SMTPUTF8_SENDER))
        return true;
    for (size_t i = 0; i < delivery->n_recipients; i++)
        if (!slice_is_ascii(delivery->recipients[i].address))
            return true;
    return false;
}

/* Where the line that is being written stands. */
struct line_state {
    struct stream *stream;
    size_t column; /* bytes of the present wire line */
};

/*
 * A piece of a line. The limit keeps lines within what the peer must take (RFC 5321 section
 * 4.5.3.1.6); what is longer continues on a line that starts with a blank.
 */
static int put_piece(struct line_state *state, struct slice piece)
{
    size_t limit = (size_t)options.line_length_limit;

    if (state->column == 0 && piece.len > 0 && *piece.ptr == '.' &&
        stream_write(state->stream, ".", 1) < 0)
        return -1;
    while (limit > 0 && state->column + piece.len > limit) {
        struct slice part = slice_sub(piece, 0, limit - state->column);
        if (stream_write_slice(state->stream, part) < 0 ||
            stream_write(state->stream, "\r\n ", 3) < 0)
            return -1;
        piece = slice_from_offset(piece, part.len);
        state->column = 1;
    }
    state->column += piece.len;
    return stream_write_slice(state->stream, piece);
}

enum body_result body_send(struct session *session, const struct delivery *delivery,
                           struct error *error)
{
    struct line_state state = {.stream = &session->stream};
    struct content_reader reader;
    struct slice line;
    bool continues;
    int result;

    session->stream.buffer_bytes = WIRE_BUFFER_BYTES;
    content_open(&reader, &delivery->message);
    while ((result = content_next_line(&reader, &line, &continues, error)) > 0) {
        stream_set_deadline(&session->stream, deadline_in(options.data_xfer_timeout));
        if (put_piece(&state, line) < 0)
            break;
        if (continues)
            continue;
        state.column = 0;
        if (stream_write(&session->stream, "\r\n", 2) < 0)
            break;
    }
    content_close(&reader);
    if (result > 0)
        return BODY_BROKEN;
    return result < 0 ? BODY_UNREADABLE : BODY_SENT;
}
