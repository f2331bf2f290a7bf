/* What the server answers. */
#include <string.h>

#include "base/log.h"
#include "conf/params.h"
#include "notice.h"
#include "options.h"
#include "session.h"

/* RFC 3463: another protocol status. A code that this command never has. */
#define OUT_OF_PLACE "5.5.0"

/* A server that is read for ever does no work; no reply has so many lines. */
enum { REPLY_LINE_MAX = 4096, REPLY_MAX = 65536, REPLY_LINES_MAX = 10000 };

/* What the postmaster is shown of one reply, or little more: so there is room for others. */
#define REPLY_SHOWN_MAX 2048

/* smtp_reply_filter: a server whose replies say something else than it means. */
static void filter_line(struct session *session, struct buf *line)
{
    CLEANUP(buf_release) struct buf replaced = BUF_INIT;
    struct error error;

    if (maps_is_empty(options.reply_filter) || session->has_data_trouble)
        return;
    switch (maps_find(options.reply_filter, buf_slice(line), &replaced, &error)) {
    case TABLE_FOUND:
        log_info("%s: replacing server reply \"%s\" with \"%s\"", session->relay.data,
                 line->data, replaced.data);
        buf_set(line, buf_slice(&replaced));
        break;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR: /* what it says is not known */
        log_warning(
            "%.*s: table %s lookup error for %s",
            SLICE_ARG(session->opening ? session->opening->queue_id : session->queue_id),
            options.is_lmtp ? params.lmtp_reply_filter : params.smtp_reply_filter, line->data);
        notice_note_data_trouble(session);
        break;
    }
}

/* A line without its end; of one that is too long the start. */
static int read_line(struct session *session, struct buf *line)
{
    struct slice text;
    enum line_result result = stream_read_line(&session->stream, &text, REPLY_LINE_MAX);

    if (result != LINE_OK && result != LINE_TOO_LONG)
        return -1;
    buf_set(line, slice_ends_with(text, "\r") ? slice_sub(text, 0, text.len - 1) : text);
    while (result == LINE_TOO_LONG)
        result = stream_read_line(&session->stream, &text, REPLY_LINE_MAX);
    if (result != LINE_OK)
        return -1;
    for (size_t i = 0; i < line->len; i++)
        if (!ascii_is_print(line->data[i]) && (unsigned char)line->data[i] < 128)
            line->data[i] = '?';
    return 0;
}

/* The code of a well-formed line, else 0; *is_last: no "-" behind it. */
static int line_code(const struct buf *line, bool *is_last)
{
    int64_t code;

    *is_last = line->len < 4 || line->data[3] != '-';
    if (line->len < 3 || (line->len > 3 && line->data[3] != ' ' && line->data[3] != '-') ||
        !slice_to_int(slice_sub(buf_slice(line), 0, 3), 1, 999, &code))
        return 0;
    return (int)code;
}

/* The status in the reply where it fits the code, else X.0.0. */
static void take_status(struct session *session, const struct buf *line)
{
    char status[DSN_STATUS_BYTES];
    struct slice rest;
    int class_digit = session->code / 100;

    if (class_digit < 2 || class_digit > 5) {
        memcpy(session->status, OUT_OF_PLACE, sizeof(OUT_OF_PLACE));
        return;
    }
    memcpy(session->status, "5.0.0", sizeof("5.0.0"));
    session->status[0] = (char)('0' + (class_digit == 3 ? 2 : class_digit));
    if (line->len > 4 &&
        dsn_status_parse(slice_trim(slice_from_offset(buf_slice(line), 4)), status, &rest) &&
        status[0] == line->data[0])
        memcpy(session->status, status, sizeof(status));
}

/*
 * What is no line of a reply says nothing about the message, so nothing may come of it but
 * delay. It is passed over, as the reply may be behind it; but where several commands wait for
 * theirs, nobody knows any more which is whose. False: we can't go on.
 */
static bool pass_over(struct session *session, const struct buf *line)
{
    if (line->len == 0 || session->queue_id.len == 0)
        return true;
    log_warning("%.*s: non-%s response from %s: %.100s", SLICE_ARG(session->queue_id),
                options.is_lmtp ? "LMTP" : "ESMTP", session->relay.data, line->data);
    session->is_garbled = session->features & FEATURE_PIPELINING;
    return !session->is_garbled;
}

static void keep_line(struct session *session, const struct buf *line)
{
    if (session->reply.len < REPLY_SHOWN_MAX)
        notice_add_received(session, buf_slice(line));
    if (session->reply.len + line->len >= REPLY_MAX)
        return;
    if (session->reply.len)
        buf_add_char(&session->reply, '\n');
    buf_add_slice(&session->reply, buf_slice(line));
}

/* As session_reply_lines, but OK for 3xx as well. */
static enum step read_lines(struct session *session, int64_t timeout_ms)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    bool is_last = false, had_trouble = session->has_data_trouble;
    int n_lines = 0;

    stream_set_deadline(&session->stream, deadline_in(timeout_ms));
    buf_reset(&session->reply);
    while (!is_last) {
        if (line.len > 0 && !options.per_request_deadline)
            stream_set_deadline(&session->stream, deadline_in(timeout_ms));
        if (read_line(session, &line) < 0 || ++n_lines > REPLY_LINES_MAX)
            return STEP_BROKEN;
        filter_line(session, &line);
        log_debug(1, "< %s: %s", session->label.data, line.data);
        keep_line(session, &line);
        if (session->has_data_trouble && !had_trouble)
            return STEP_BROKEN;
        session->code = line_code(&line, &is_last);
        if (session->code == 0) {
            notice_note_garbage(session);
            if (!pass_over(session, &line))
                return STEP_BROKEN;
            is_last = false;
        }
    }
    take_status(session, &line);
    return session->code / 100 == 2 || session->code / 100 == 3 ? STEP_OK : STEP_REFUSED;
}

/* Where there is nothing to send more of. */
static enum step refuse_more(struct session *session, enum step step)
{
    if (step != STEP_OK || session->code / 100 == 2)
        return step;
    memcpy(session->status, OUT_OF_PLACE, sizeof(OUT_OF_PLACE));
    return STEP_REFUSED;
}

enum step session_reply_lines(struct session *session, int64_t timeout_ms)
{
    return refuse_more(session, read_lines(session, timeout_ms));
}

void session_join_lines(struct session *session)
{
    for (size_t i = 0; i < session->reply.len; i++)
        if (session->reply.data[i] == '\n')
            session->reply.data[i] = ' ';
}

enum step session_reply_or_more(struct session *session, int64_t timeout_ms)
{
    enum step step = read_lines(session, timeout_ms);

    session_join_lines(session);
    return step;
}

enum step session_reply(struct session *session, int64_t timeout_ms)
{
    return refuse_more(session, session_reply_or_more(session, timeout_ms));
}
