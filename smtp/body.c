#include "body.h"

#include "base/log.h"
#include "checks.h"
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

/*
 * Takes lines as they come. For a peer without 8BITMIME they pass through the converter; then
 * through the checks, where there are any.
 */
struct body {
    struct session *session;
    struct line_state state;
    struct mime_7bit converter;
    struct buf converted;
    struct checks checks;
    struct buf checked;
    bool converts, is_checked;
    bool is_refused; /* a table failed */
    deadline_t deadline;
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

/* Hand on the lines that stand in the buffer, also a piece at its end. */
static int pass_lines(struct body *body, struct buf *lines,
                      int (*take)(struct body *body, struct slice line, bool continues))
{
    struct slice rest = buf_slice(lines);
    int result = 0;

    while (result == 0 && rest.len > 0) {
        size_t end = slice_find(rest, '\n');

        result = take(body, slice_sub(rest, 0, end), end == rest.len);
        rest = slice_from_offset(rest, end + 1);
    }
    buf_reset(lines);
    return result;
}

static int write_line(struct body *body, struct slice line, bool continues)
{
    return put_line(&body->state, line, continues);
}

static int check(struct body *body, struct slice line, bool continues)
{
    if (!body->is_checked)
        return write_line(body, line, continues);
    if (checks_feed(&body->checks, line, continues ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE,
                    &body->checked) < 0) {
        body->is_refused = true;
        return -1;
    }
    return pass_lines(body, &body->checked, write_line);
}

/*
 * For each piece a time of its own, or one for the whole message that grows with what is sent
 * (smtp_min_data_rate), but to no more than a piece would have.
 */
static void set_deadline(struct body *body, size_t n_bytes)
{
    deadline_t latest = deadline_in(options.data_xfer_timeout);

    if (options.per_request_deadline) {
        body->deadline += (int64_t)n_bytes * 1000 / options.min_data_rate;
        if (body->deadline > latest)
            body->deadline = latest;
    } else {
        body->deadline = latest;
    }
    stream_set_deadline(&body->session->stream, body->deadline);
}

static int take_line(struct body *body, struct slice line, bool continues)
{
    set_deadline(body, line.len);
    if (!body->converts)
        return check(body, line, continues);
    mime_7bit_feed(&body->converter, line, continues ? MIME_LINE_CONTINUES : MIME_LINE_WHOLE,
                   &body->converted);
    return pass_lines(body, &body->converted, check);
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
        .checked = BUF_INIT,
        .deadline = deadline_in(options.data_xfer_timeout),
        .converts = must_convert(session, delivery),
        .is_checked = checks_are_wanted()};
    if (body->converts)
        mime_7bit_init(&body->converter, &limits);
    if (body->is_checked)
        checks_init(&body->checks, delivery->request.queue_id);
}

/* What the converter and the checks still hold. */
static int finish(struct body *body)
{
    if (body->converts) {
        mime_7bit_end(&body->converter, &body->converted);
        if (pass_lines(body, &body->converted, check) < 0)
            return -1;
    }
    if (!body->is_checked)
        return 0;
    if (checks_end(&body->checks, &body->checked) < 0) {
        body->is_refused = true;
        return -1;
    }
    return pass_lines(body, &body->checked, write_line);
}

static void body_close(struct body *body)
{
    if (body->converts)
        mime_7bit_release(&body->converter);
    if (body->is_checked)
        checks_release(&body->checks);
    buf_release(&body->converted);
    buf_release(&body->checked);
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
    if (sent == 0 && result == 0)
        sent = finish(&body);
    body_close(&body);
    if (sent < 0)
        return body.is_refused ? BODY_UNCHECKED : BODY_BROKEN;
    return result < 0 ? BODY_UNREADABLE : BODY_SENT;
}
