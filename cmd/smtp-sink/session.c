/*
 * A client: its commands one after the other, and what is answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/bug.h"
#include "base/log.h"
#include "content.h"
#include "dump.h"
#include "net/stream.h"
#include "sink.h"

enum { COMMAND_MOST = 2048 };

struct session {
    struct stream stream;
    struct buf line, helo;
    char client[ENDPOINT_TEXT_BYTES + 8];
    struct dump_envelope envelope;
    struct dump dump;
    bool closing;
    bool has_mail; /* MAIL was accepted */
    bool has_text; /* this message is complete */
    int64_t n_recipients;
};

/* -- replies */

static void reply(struct session *session, const char *text)
{
    stream_set_deadline(&session->stream, deadline_in(sink.timeout_ms));
    if (stream_printf(&session->stream, "%s\r\n", text) < 0)
        session->closing = true;
}

static void flush(struct session *session)
{
    stream_set_deadline(&session->stream, deadline_in(sink.timeout_ms));
    if (stream_flush(&session->stream) < 0)
        session->closing = true;
}

/* The client has what was said so far, and nothing more for a while. */
static void pause_for(struct session *session, int64_t ms)
{
    if (ms <= 0)
        return;
    flush(session);
    (void)co_sleep_until(deadline_in(ms));
}

static void show_count(void)
{
    if (!sink.shows_count)
        return;
    printf("sess=%lld quit=%lld mesg=%lld\r", (long long)sink.n_sessions,
           (long long)sink.n_quits, (long long)sink.n_messages);
    (void)fflush(stdout); /* nobody to tell */
}

static void reset(struct session *session)
{
    dump_drop(&session->dump);
    session->has_mail = session->has_text = false;
    session->n_recipients = 0;
}

/* -- commands */

static void greet(struct session *session, struct slice arguments)
{
    CLEANUP(buf_release) struct buf banner = BUF_INIT;

    (void)arguments;
    buf_printf(&banner, "220 %s%s", sink.is_pix ? "********" : sink.host_name,
               sink.lacks_esmtp ? "" : " ESMTP");
    reply(session, banner.data);
}

static void introduce(struct session *session, const char *protocol, struct slice name)
{
    reset(session);
    buf_set(&session->helo, name);
    session->envelope.helo = buf_slice(&session->helo);
    session->envelope.protocol = protocol;
}

static void helo(struct session *session, struct slice arguments)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    introduce(session, "SMTP", arguments);
    buf_printf(&text, "250 %s", sink.host_name);
    reply(session, text.data);
}

static void ehlo(struct session *session, struct slice arguments)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    introduce(session, sink.is_lmtp ? "LMTP" : "ESMTP", arguments);
    buf_printf(&text, "250-%s\r\n", sink.host_name);
    if (!sink.lacks_pipelining)
        buf_add_text(&text, "250-PIPELINING\r\n");
    if (!sink.lacks_8bitmime)
        buf_add_text(&text, "250-8BITMIME\r\n");
    if (!sink.lacks_auth)
        buf_add_text(&text, "250-AUTH PLAIN LOGIN\r\n");
    if (!sink.rules[COMMAND_XCLIENT].is_off)
        buf_add_text(&text, "250-XCLIENT NAME HELO\r\n");
    if (!sink.rules[COMMAND_XFORWARD].is_off)
        buf_add_text(&text, "250-XFORWARD NAME ADDR PROTO HELO\r\n");
    if (!sink.lacks_codes)
        buf_add_text(&text, "250-ENHANCEDSTATUSCODES\r\n");
    if (!sink.lacks_dsn)
        buf_add_text(&text, "250-DSN\r\n");
    buf_add_text(&text, "250 ");
    reply(session, text.data);
}

static void ok(struct session *session, struct slice arguments)
{
    (void)arguments;
    reply(session, "250 2.0.0 Ok");
}

/* "FROM:<a@example.com> BODY=8BITMIME": what follows the colon. */
static struct slice path_of(struct slice arguments)
{
    (void)slice_split(&arguments, ':');
    return slice_trim(arguments);
}

static void mail(struct session *session, struct slice arguments)
{
    if (session->has_mail) {
        reply(session, "503 5.5.1 Error: nested MAIL command");
        return;
    }
    session->has_mail = true;
    dump_open(&session->dump, &session->envelope, path_of(arguments));
    reply(session, "250 2.1.0 Ok");
}

static void rcpt(struct session *session, struct slice arguments)
{
    if (!session->has_mail) {
        reply(session, "503 5.5.1 Error: need MAIL command");
        return;
    }
    session->n_recipients++;
    dump_recipient(&session->dump, path_of(arguments));
    reply(session, "250 2.1.5 Ok");
}

static void rset(struct session *session, struct slice arguments)
{
    (void)arguments;
    reset(session);
    reply(session, "250 2.1.0 Ok");
}

static bool read_content(struct session *session)
{
    struct content content = {.copy = session->dump.file};

    while (content.state != CONTENT_ENDED) {
        struct slice available;
        stream_set_deadline(&session->stream, deadline_in(sink.timeout_ms));
        if (stream_fill(&session->stream, &available) < 0) {
            session->closing = true;
            return false;
        }
        stream_consume(&session->stream, content_take(&content, available));
    }
    return true;
}

static void data(struct session *session, struct slice arguments)
{
    (void)arguments;
    if (session->n_recipients == 0) {
        reply(session, "503 5.5.1 Error: need RCPT command");
        return;
    }
    dump_trace(&session->dump, &session->envelope);
    reply(session, "354 End data with <CR><LF>.<CR><LF>");
    if (sink.abort_delay_ms >= 0) {
        pause_for(session, sink.abort_delay_ms);
        reply(session, "550 This violates SMTP");
        session->closing = true;
        return;
    }
    pause_for(session, sink.read_delay_ms);
    if (!read_content(session))
        return;
    dump_finish(&session->dump);
    session->has_text = true;
}

/* Also a command of its own, which is answered as if there were a message. */
static void dot(struct session *session, struct slice arguments)
{
    if (!sink.is_lmtp)
        ok(session, arguments);
    for (int64_t i = 0; sink.is_lmtp && session->has_text && i < session->n_recipients; i++)
        reply(session, "250 2.2.0 Ok");
    if (!session->has_text)
        return;
    sink.n_messages++;
    show_count();
    if (sink.n_messages != sink.messages_most)
        return;
    flush(session);
    exit(0);
}

static void quit(struct session *session, struct slice arguments)
{
    (void)arguments;
    reply(session, "221 Bye");
    flush(session);
    sink.n_quits++;
    session->closing = true;
}

static void (*const handlers[COMMAND_NONE])(struct session *, struct slice) = {
    [COMMAND_CONNECT] = greet, [COMMAND_HELO] = helo,  [COMMAND_EHLO] = ehlo,
    [COMMAND_LHLO] = ehlo,     [COMMAND_XCLIENT] = ok, [COMMAND_XFORWARD] = ok,
    [COMMAND_AUTH] = ok,       [COMMAND_MAIL] = mail,  [COMMAND_RCPT] = rcpt,
    [COMMAND_DATA] = data,     [COMMAND_DOT] = dot,    [COMMAND_RSET] = rset,
    [COMMAND_NOOP] = ok,       [COMMAND_VRFY] = ok,    [COMMAND_QUIT] = quit,
};

static void perform(struct session *session, enum command command, struct slice arguments)
{
    const struct rule *rule = &sink.rules[command];

    if (rule->is_logged)
        syslog(LOG_INFO, "%s %.*s", rule->name, SLICE_ARG(arguments));
    pause_for(session, rule_delay_ms(rule));
    if (rule->disconnects) {
        session->closing = true;
    } else if (rule->closes) {
        reply(session, "421 4.0.0 Server closing connection");
        session->closing = true;
    } else if (rule->fails_hard) {
        reply(session, sink.hard_reply);
    } else if (rule->fails_soft) {
        reply(session, sink.soft_reply);
    } else {
        handlers[command](session, arguments);
    }
}

/* -- the conversation */

/* A line ends with CRLF alone; LF without CR is part of it. */
static enum line_result read_line(struct session *session)
{
    struct buf *line = &session->line;

    buf_reset(line);
    stream_set_deadline(&session->stream, deadline_in(sink.timeout_ms));
    while (line->len < COMMAND_MOST) {
        struct slice part;
        enum line_result result =
            stream_read_line(&session->stream, &part, COMMAND_MOST - line->len);
        if (result != LINE_OK)
            return result;
        buf_add_slice(line, part);
        if (slice_ends_with(part, "\r")) {
            buf_truncate(line, line->len - 1);
            return LINE_OK;
        }
        buf_add_char(line, '\n');
    }
    return LINE_TOO_LONG;
}

/* What becomes a header in a file must stay one. */
static void clean(struct buf *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if ((unsigned char)line->data[i] < ' ' && line->data[i] != '\t')
            line->data[i] = '?';
    }
}

static void obey(struct session *session)
{
    clean(&session->line);

    struct slice rest = buf_slice(&session->line);
    struct slice verb = slice_word(&rest, " \t");
    enum command command = command_find(verb);

    if (verb.len == 0)
        reply(session, "500 5.5.2 Error: unknown command");
    else if (command == COMMAND_NONE || command == COMMAND_CONNECT ||
             sink.rules[command].is_off)
        reply(session, "500 5.5.1 Error: unknown command");
    else
        perform(session, command, slice_trim(rest));
    if (!session->has_text)
        return;
    log_debug(1, ".");
    perform(session, COMMAND_DOT, SLICE_EMPTY);
    reset(session);
}

static void converse(struct session *session)
{
    perform(session, COMMAND_CONNECT, SLICE_EMPTY);
    while (!session->closing) {
        switch (read_line(session)) {
        case LINE_OK:
            log_debug(1, "%.*s", SLICE_ARG(buf_slice(&session->line)));
            obey(session);
            break;
        case LINE_TOO_LONG:
            log_warning("command line too long");
            session->closing = true;
            break;
        case LINE_TIMEOUT:
        case LINE_END:
        case LINE_FAILED:
        default:
            session->closing = true;
            break;
        }
    }
    if (session->stream.state == STREAM_TIMEOUT)
        log_warning("%s timeout", session->stream.out.len ? "write" : "read");
    flush(session);
    log_debug(1, "disconnect");
}

static void identify(struct session *session, const struct endpoint *client)
{
    char text[ENDPOINT_TEXT_BYTES];
    int family = endpoint_family(client);

    if (family == AF_INET || family == AF_INET6)
        (void)snprintf(session->client, sizeof(session->client), "%s%s",
                       family == AF_INET6 ? "ipv6:" : "", endpoint_text(client, text));
    else
        (void)snprintf(session->client, sizeof(session->client), "local");
    session->envelope = (struct dump_envelope){.client = session->client,
                                               .protocol = sink.is_lmtp ? "LMTP" : "SMTP"};
}

void session_run(int fd, const struct endpoint *client)
{
    struct session session = {
        .line = BUF_INIT, .helo = BUF_INIT, .dump = {.path = BUF_INIT, .mailbox = BUF_INIT}};

    identify(&session, client);
    stream_init_nonblocking(&session.stream, fd);
    converse(&session);
    reset(&session);
    stream_release(&session.stream);
    buf_release(&session.line);
    buf_release(&session.helo);
    sink.n_sessions++;
    show_count();
    if (sink.n_sessions == sink.sessions_total)
        exit(0);
}
