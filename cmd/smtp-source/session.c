/*
 * One connection at a time, with one or more messages on each.
 */
#include <stdarg.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "source.h"

#define PATIENCE SECONDS(300)

enum { LINE_MOST = 4096, REPLY_LINES_MOST = 200, REPLY_TEXT_MOST = 8192 };

struct session {
    struct smtp_source *source;
    struct stream stream;
    struct buf reply; /* its text, of several lines */
    int code;         /* 0: that was no reply */
};

/* -- commands and replies */

/* False when the server is gone, or silent. */
static bool read_reply(struct session *session)
{
    struct slice line;
    int64_t code;
    bool goes_on = true;

    buf_reset(&session->reply);
    session->code = 0;
    stream_set_deadline(&session->stream, deadline_in(PATIENCE));
    for (int i = 0; i < REPLY_LINES_MOST && goes_on; i++) {
        if (stream_read_line(&session->stream, &line, LINE_MOST) != LINE_OK)
            return false;
        line = slice_trim_right(line);
        log_debug(1, "<<< %.*s", SLICE_ARG(line));
        if (slice_to_int(slice_sub(line, 0, 3), 100, 599, &code)) {
            session->code = (int)code;
            goes_on = line.len > 3 && line.ptr[3] == '-';
            line = slice_from_offset(line, 4);
        } else {
            session->code = 0;
            goes_on = false;
        }
        if (session->reply.len + line.len < REPLY_TEXT_MOST)
            buf_printf(&session->reply, "%s%.*s", i ? "\n" : "", SLICE_ARG(line));
    }
    return true;
}

static bool try_command(struct session *session, struct slice line)
{
    log_debug(1, "%.*s", SLICE_ARG(line));
    stream_set_deadline(&session->stream, deadline_in(PATIENCE));
    return stream_printf(&session->stream, "%.*s\r\n", SLICE_ARG(line)) == 0 &&
           stream_flush(&session->stream) == 0 && read_reply(session);
}

static void command(struct session *session, const char *what, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void command(struct session *session, const char *what, const char *format, ...)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&line, format, arguments);
    va_end(arguments);
    if (!try_command(session, buf_slice(&line)))
        load_source_lost(&session->stream, what);
}

/* Did the server say yes? If not, that is the end unless we were told to go on. */
static bool agreed(const struct session *session, int class, const char *refused)
{
    if (session->code / 100 == class)
        return true;
    if (!session->source->survives_refusal)
        fatal(1, "%s: %d %s", refused, session->code, session->reply.data);
    log_warning("%s: %d %s", refused, session->code, session->reply.data);
    return false;
}

/* -- messages */

static bool name_recipients(struct session *session)
{
    struct smtp_source *source = session->source;
    const char *recipient = source->load.recipient;
    bool all_agreed = true;

    for (int64_t i = source->load.recipients; i > 0; i--) {
        int64_t number = source->numbers_recipients ? ++source->n_recipients : i;

        if (number > 1 || source->numbers_recipients)
            command(session, "sending recipient", "RCPT TO:<%lld%s>", (long long)number,
                    recipient);
        else
            command(session, "sending recipient", "RCPT TO:<%s>", recipient);
        if (!agreed(session, 2, "recipient rejected"))
            all_agreed = false;
    }
    return all_agreed;
}

static int write_headers(struct session *session)
{
    const struct smtp_source *source = session->source;
    const struct load_source *load = &source->load;

    if (stream_printf(
            &session->stream,
            "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\nMessage-Id: <%04x.%04x.%04llx@%s>\r\n",
            load->sender, load->recipient, time_rfc5322(time_wall_seconds()),
            (unsigned)getpid(), (unsigned)session->stream.fd, (unsigned long long)load->n_left,
            load->host_name) < 0)
        return -1;
    if (source->subject &&
        stream_printf(&session->stream, "Subject: %s\r\n", source->subject) < 0)
        return -1;
    return stream_write(&session->stream, "\r\n", 2);
}

static void send_text(struct session *session)
{
    struct smtp_source *source = session->source;
    struct stream *stream = &session->stream;
    int64_t n_replies = source->is_lmtp ? source->load.recipients : 1;

    stream_set_deadline(stream, deadline_in(PATIENCE));
    log_debug(1, ".");
    if ((!source->is_old && !source->text_has_headers && write_headers(session) < 0) ||
        stream_write_slice(stream, buf_slice(&source->text)) < 0 ||
        stream_write(stream, ".\r\n", 3) < 0 || stream_flush(stream) < 0)
        load_source_lost(stream, "sending message");
    while (n_replies-- > 0) {
        if (!read_reply(session))
            load_source_lost(stream, "sending message");
        (void)agreed(session, 2, "end of data rejected"); /* it has been said */
    }
}

static bool begin_message(struct session *session)
{
    command(session, "sending sender", "MAIL FROM:<%s>", session->source->load.sender);
    if (!agreed(session, 2, "sender rejected") || !name_recipients(session))
        return false;
    command(session, "sending DATA command", "DATA");
    return agreed(session, 3, "data rejected");
}

static void send_message(struct session *session)
{
    if (begin_message(session))
        send_text(session);
    else
        command(session, "sending RSET command", "RSET");
    load_source_count(&session->source->load);
}

/* -- connections */

static void greet(struct session *session)
{
    const struct smtp_source *source = session->source;

    load_source_connect(&session->source->load, &session->stream, PATIENCE);
    if (!read_reply(session))
        load_source_lost(&session->stream, "reading the server banner");
    (void)agreed(session, 2, "rejected at server banner");
    if (source->is_old)
        return;
    command(session, "sending HELO", "%s %s", source->is_lmtp ? "LHLO" : "HELO",
            source->load.host_name);
    (void)agreed(session, 2, source->is_lmtp ? "LHLO rejected" : "HELO rejected");
}

static void part(struct session *session)
{
    if (session->stream.fd >= 0)
        (void)try_command(session, SLICE("QUIT")); /* whatever it answers */
    stream_release(&session->stream);
    session->stream = (struct stream){.fd = -1};
}

void session_run(void *load)
{
    struct session session = {
        .source = CONTAINER_OF((struct load_source *)load, struct smtp_source, load),
        .stream = {.fd = -1},
        .reply = BUF_INIT,
    };
    bool is_first = true;

    while (load_source_next(load, is_first)) {
        is_first = false;
        if (session.stream.fd < 0)
            greet(&session);
        send_message(&session);
        if (!session.source->keeps_connection)
            part(&session);
    }
    part(&session);
    buf_release(&session.reply);
}
