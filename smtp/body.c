#include "body.h"

#include "base/log.h"
#include "conf/params.h"
#include "mail/message.h"
#include "mail/mime_7bit.h"
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
    struct slice queue_id;
    bool has_told; /* that lines are folded */
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
    /* Behind the blank there must be room for a byte. */
    while (limit > 1 && state->column + piece.len > limit) {
        if (!state->has_told)
            log_info("%.*s: breaking line > %zu bytes with <CR><LF>SPACE",
                     SLICE_ARG(state->queue_id), limit);
        state->has_told = true;
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

/* Takes lines as they come; for a peer without 8BITMIME they pass through the converter. */
struct body {
    struct session *session;
    struct line_state state;
    struct mime_7bit converter;
    struct buf converted;
    bool converts;
};

static int put_line(struct line_state *state, struct slice line, bool continues)
{
    if (put_piece(state, line) < 0)
        return -1;
    if (continues)
        return 0;
    state->column = 0;
    return stream_write(state->stream, "\r\n", 2);
}

/* Whole lines of the converter's output; an unfinished one stays. */
static int put_converted(struct body *body)
{
    struct slice rest = buf_slice(&body->converted);
    size_t end;

    while ((end = slice_find(rest, '\n')) < rest.len) {
        if (put_line(&body->state, slice_sub(rest, 0, end), false) < 0)
            return -1;
        rest = slice_from_offset(rest, end + 1);
    }
    buf_remove_front(&body->converted, body->converted.len - rest.len);
    return 0;
}

static int take_line(struct body *body, struct slice line, bool continues)
{
    stream_set_deadline(&body->session->stream, deadline_in(options.data_xfer_timeout));
    if (!body->converts)
        return put_line(&body->state, line, continues);
    mime_7bit_feed(&body->converter, line, continues ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE,
                   &body->converted);
    return put_converted(body);
}

static bool must_convert(const struct session *session, const struct delivery *delivery)
{
    return slice_equals(delivery->request.encoding, "8bit") &&
           !(session->features & FEATURE_8BITMIME) && !params.disable_mime_output_conversion;
}

static void body_open(struct body *body, struct session *session,
                      const struct delivery *delivery)
{
    struct mime_options limits = {
        .header_size_limit = (size_t)params.header_size_limit,
        .boundary_length_limit = (size_t)params.mime_boundary_length_limit,
        .nesting_limit = (size_t)params.mime_nesting_limit,
        .encodes_global = true,
    };

    *body = (struct body){
        .session = session,
        .state = {.stream = &session->stream, .queue_id = delivery->request.queue_id},
        .converted = BUF_INIT,
        .converts = must_convert(session, delivery)};
    if (body->converts)
        mime_7bit_init(&body->converter, &limits);
}

static int body_close(struct body *body, int result)
{
    if (!body->converts)
        return result;
    if (result == 0) {
        mime_7bit_end(&body->converter, &body->converted);
        result = put_converted(body);
    }
    mime_7bit_release(&body->converter);
    buf_release(&body->converted);
    return result;
}

enum body_result body_send(struct session *session, const struct delivery *delivery,
                           struct error *error)
{
    struct content_reader reader;
    struct body body;
    struct slice line;
    bool continues;
    int result, sent = 0;

    session->stream.buffer_bytes = WIRE_BUFFER_BYTES;
    body_open(&body, session, delivery);
    content_open(&reader, &delivery->message);
    while (sent == 0 && (result = content_next_line(&reader, &line, &continues, error)) > 0)
        sent = take_line(&body, line, continues);
    content_close(&reader);
    sent = body_close(&body, sent);
    if (sent < 0)
        return BODY_BROKEN;
    return result < 0 ? BODY_UNREADABLE : BODY_SENT;
}
