/* The dialogue: greeting, command after command, good-bye. */
#include "session.h"

#include "access.h"
#include "base/log.h"
#include "base/trace.h"
#include "co/co.h"
#include "commands.h"
#include "conf/params.h"
#include "footer.h"
#include "limits.h"
#include "milter.h"
#include "net/proxy_protocol.h"
#include "notice.h"
#include "route/debug_peer.h"
#include "settings.h"
#include "starttls.h"
#include "transaction.h"

const char *session_client(const struct session *session)
{
    return session->peer.full_name.ptr;
}

const char *session_queue_id(struct session *session)
{
    const char *queue_id;
    struct error error;

    if (transaction_settle(session, &error) < 0)
        return "NOQUEUE";
    queue_id = transaction_queue_id(session->transaction);
    return queue_id ? queue_id : "NOQUEUE";
}

void session_note_stream_end(struct session *session)
{
    if (session->end != SESSION_OPEN)
        return;
    if (session->stream->state == STREAM_CANCELLED) {
        session->end = SESSION_CLOSING; /* it is we who stop */
        return;
    }
    session->end = session->stream->state == STREAM_TIMEOUT ? SESSION_TIMEOUT : SESSION_LOST;
}

void session_end_transaction(struct session *session)
{
    struct transaction *transaction = session->transaction;
    struct error error;

    if (!transaction)
        return;
    /* Logs "client=" before the message goes; trouble was reported when it came. */
    if (!transaction->cleanup.failed && transaction_settle(session, &error) < 0)
        log_warning("%s", error.text);
    session->transaction = NULL;
    transaction_free(transaction);
    milter_abort(session);
}

void session_forget_forwarded(struct session *session)
{
    session->has_forwarded = false;
    session->forwarded_has_source = session->forwarded_is_local = false;
    session->forwarded_ident = SLICE_EMPTY;
    arena_release(&session->forwarded_arena);
}

void session_restart(struct session *session)
{
    session_end_transaction(session);
    session_forget_forwarded(session);
    session->after_bdat_error = false;
    session->protocol = "SMTP";
    buf_reset(&session->helo);
    buf_reset(&session->denied);
    buf_reset(&session->deferred);
}

/* Slow down those who make error after error. */
static void tarpit(struct session *session)
{
    if (session->n_errors < (unsigned)params.smtpd_soft_error_limit ||
        params.smtpd_error_sleep_time <= 0)
        return;
    if (stream_flush(session->stream) == 0)
        (void)co_sleep_until(deadline_in(params.smtpd_error_sleep_time));
}

void session_send(struct session *session, struct smtp_reply reply)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    if (reply.code == 0)
        return;
    tarpit(session);
    if (reply.code >= 400)
        footer_replace(session, &reply);
    if (params.soft_bounce)
        smtp_reply_soften(&reply);
    if (reply.code >= 400)
        footer_add(session, &reply);
    smtp_reply_format(&out, &reply);
    notice_add_sent(session, buf_slice(&out));
    stream_set_deadline(session->stream, deadline_in(params.smtpd_timeout));
    if (stream_write_slice(session->stream, buf_slice(&out)) < 0)
        session_note_stream_end(session);
    if (smtp_reply_ends_session(&reply) && session->end == SESSION_OPEN)
        session->end = SESSION_CLOSING;
}

/* While the client thinks: it has its replies, and we hold as little memory as possible. */
static void go_idle(struct session *session)
{
    if (stream_flush(session->stream) < 0)
        return;
    arena_release(&session->scratch);
    stream_shrink(session->stream);
}

/* The line was longer than the limit: its start is the command, the rest is dropped. */
static enum line_result skip_line(struct session *session, size_t limit, struct slice *line)
{
    enum line_result result;
    struct slice rest;

    log_warning("%s: request longer than %zu: %.*s...", session_client(session), limit,
                SLICE_ARG(slice_sub(*line, 0, 30)));
    *line = arena_slice(&session->scratch, *line);
    do {
        result = stream_read_line(session->stream, &rest, limit);
    } while (result == LINE_TOO_LONG);
    return result;
}

/* smtpd_forbid_bare_newline for commands. False: it was refused. */
static bool accepts_line_end(struct session *session, struct slice *line)
{
    if (line->len && line->ptr[line->len - 1] == '\r') {
        line->len--;
        return true;
    }
    session->saw_bare_newline = true;
    if (!(session->bare_newline & NEWLINE_REJECT))
        return true;
    session->notices |= NOTICE_PROTOCOL;
    access_log_event(session, "reject", "bare <LF> received");
    session_send(session, smtp_reply_printf(
                              &session->scratch, params.smtpd_forbid_bare_newline_reject_code,
                              "5.5.2", "%s Error: bare <LF> received", params.myhostname));
    session->end = SESSION_CLOSING;
    return false;
}

enum line_result session_read_response(struct session *session, size_t limit,
                                       struct slice *line)
{
    enum line_result result;
    bool is_too_long;

    stream_set_deadline(session->stream, deadline_in(params.smtpd_timeout));
    result = stream_read_line(session->stream, line, limit);
    is_too_long = result == LINE_TOO_LONG;
    if (is_too_long)
        result = skip_line(session, limit, line);
    else if (result == LINE_OK && !accepts_line_end(session, line))
        return LINE_END;
    if (result != LINE_OK) {
        session_note_stream_end(session);
        return LINE_END;
    }
    *line = arena_slice(&session->scratch, *line);
    return is_too_long ? LINE_TOO_LONG : LINE_OK;
}

/* False when there is none: session->end tells why. */
static bool read_command(struct session *session, struct slice *line)
{
    enum line_result result;

    if (stream_pending(session->stream) == 0)
        go_idle(session);
    arena_reset(&session->scratch);
    stream_set_deadline(session->stream, deadline_in(params.smtpd_timeout));
    result = stream_read_line(session->stream, line, (size_t)params.line_length_limit);
    if (result == LINE_TOO_LONG)
        result = skip_line(session, (size_t)params.line_length_limit, line);
    else if (result == LINE_OK && !accepts_line_end(session, line))
        return false;
    if (result != LINE_OK) {
        session_note_stream_end(session);
        return false;
    }
    *line = arena_slice(&session->scratch, *line);
    line->len = strlen(line->ptr); /* what is behind a NUL is nobody's command */
    notice_add_received(session, *line);
    return true;
}

static bool has_too_many_errors(struct session *session)
{
    if (session->n_errors < (unsigned)params.smtpd_hard_error_limit)
        return false;
    session->notices |= NOTICE_PROTOCOL;
    session->end = SESSION_TOO_MANY_ERRORS;
    session_send(session, smtp_reply_printf(&session->scratch, 421, "4.7.0",
                                            "%s Error: too many errors", params.myhostname));
    return true;
}

struct smtp_reply session_greeting(struct session *session)
{
    struct smtp_reply reply;

    if (!params.smtpd_delay_reject && !session->is_standalone &&
        !access_client(session, &reply)) {
        buf_reset(&session->denied);
        smtp_reply_format(&session->denied, &reply);
        return reply;
    }
    if (!milter_connect(session, &reply))
        return reply;
    return smtp_reply(220, "", params.smtpd_banner);
}

/* RFC 5321 section 3.1: the client waits for the greeting. */
static bool talks_first(struct session *session)
{
    struct slice early;

    return !session->is_standalone && stream_has_input(session->stream) &&
           stream_fill(session->stream, &early) == 0;
}

/* The first words; false when the client is turned away. */
static bool greet(struct session *session)
{
    struct smtp_reply reply;

    if (!limits_allow_connection(session, &reply)) {
        session_send(session, reply);
        session->end = SESSION_CLOSING;
        return false;
    }
    if (talks_first(session) && session_pipelines_wrongly(session, true) &&
        params.smtpd_forbid_unauth_pipelining) {
        session_send(session, session_out_of_step(session));
        return false;
    }
    session_send(session, session_greeting(session));
    return session->end == SESSION_OPEN;
}

static int proxy_trouble(const struct stream *stream, struct error *error)
{
    if (stream->state == STREAM_TIMEOUT)
        return error_set(error, ERROR_TEMPORARY, "timeout error");
    return error_set(error, ERROR_TEMPORARY, "%s",
                     stream->state == STREAM_END ? "EOF" : stream_trouble(stream));
}

static int take_proxy_header(struct stream *stream, struct worker_client *client,
                             struct error *error)
{
    enum proxy_result result = PROXY_NEED_MORE;
    struct proxy_header header;
    struct slice bytes = {NULL, 0};

    while (result == PROXY_NEED_MORE) {
        if (bytes.len >= PROXY_HEADER_MOST_BYTES)
            return error_set(error, ERROR_PERMANENT, "too long protocol header");
        if (stream_fill_least(stream, bytes.len + 1, &bytes) < 0)
            return proxy_trouble(stream, error);
        result = proxy_header_parse(&header, bytes, error);
    }
    if (result == PROXY_BAD)
        return -1;
    stream_consume(stream, header.len);
    if (header.has_addresses) {
        client->peer = header.client;
        client->local = header.server;
    }
    return 0;
}

/* "PROXY ..." in front of everything tells who is really there. False: we hung up. */
static bool read_proxy_header(struct session *session, struct worker_client *client)
{
    struct error error;

    if (!settings.uses_haproxy || session->is_standalone || session->is_rehearsal)
        return true;
    stream_set_deadline(session->stream, deadline_in(params.smtpd_upstream_proxy_timeout));
    if (take_proxy_header(session->stream, client, &error) == 0)
        return true;
    peer_identify(&session->peer, &client->peer, &client->local, &session->arena);
    log_warning("haproxy read: %s", error.text);
    session_send(session, smtp_reply_printf(&session->scratch, 421, "4.3.0",
                                            "%s Server local error", params.myhostname));
    return false;
}

static void log_disconnect(const struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    unsigned total = 0, succeeded = 0;

    buf_printf(&line, "disconnect from %s", session_client(session));
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const struct command_count *count = &session->counts[i];

        total += count->total;
        succeeded += count->succeeded;
        if (count->total == 0)
            continue;
        buf_printf(&line, " %s=%u", command_count_names[i], count->succeeded);
        if (count->succeeded != count->total)
            buf_printf(&line, "/%u", count->total);
    }
    buf_printf(&line, " commands=%u", succeeded);
    if (succeeded != total || total == 0)
        buf_printf(&line, "/%u", total);
    if (session->saw_bare_newline && (session->bare_newline & NEWLINE_NOTE))
        buf_add_text(&line, " notes=bare_lf");
    log_info("%s", line.data);
}

static void log_end(struct session *session)
{
    static const char *const reasons[] = {
        [SESSION_LOST] = "lost connection",
        [SESSION_TIMEOUT] = "timeout",
        [SESSION_TOO_MANY_ERRORS] = "too many errors",
    };
    char bytes[40] = "";

    if (session->end < SESSION_LOST)
        return;
    /* Many clients skip QUIT when they have delivered. */
    if (session->end == SESSION_LOST && strcmp(session->stage, "END-OF-MESSAGE") == 0)
        return;
    if (session->stage_bytes >= 0)
        snprintf(bytes, sizeof(bytes), " (%lld bytes)", (long long)session->stage_bytes);
    log_info("%s after %s%s from %s", reasons[session->end], session->stage, bytes,
             session_client(session));
}

/* Time is up: say so, if the client still listens. */
static void say_timeout(struct session *session)
{
    if (session->end != SESSION_TIMEOUT)
        return;
    session->stream->state = STREAM_OK;
    session_send(session, smtp_reply_printf(&session->scratch, 421, "4.4.2",
                                            "%s Error: timeout exceeded", params.myhostname));
}

static void converse(struct session *session)
{
    struct slice line;

    while (session->end == SESSION_OPEN && !has_too_many_errors(session) &&
           read_command(session, &line)) {
        session->stage_bytes = -1;
        session_send(session, command_run(session, line));
    }
}

static void session_init(struct session *session, struct worker_client *client)
{
    *session = (struct session){
        .stream = &client->stream,
        .protocol = "SMTP",
        .stage = "CONNECT",
        .stage_bytes = -1,
        .is_standalone = worker_is_standalone(),
        .is_rehearsal = worker_is_explaining(),
        .forwarded_ident = SLICE_EMPTY,
        .sasl_method = SLICE_EMPTY,
        .sasl_username = SLICE_EMPTY,
        .helo = BUF_INIT,
        .denied = BUF_INIT,
        .deferred = BUF_INIT,
        .transcript = BUF_INIT,
    };
}

static void session_release(struct session *session)
{
    session_end_transaction(session);
    milter_disconnect(session);
    buf_release(&session->helo);
    buf_release(&session->denied);
    buf_release(&session->deferred);
    buf_release(&session->transcript);
    arena_release(&session->forwarded_arena);
    arena_release(&session->scratch);
    arena_release(&session->arena);
}

static unsigned newline_rule_for(const struct session *session)
{
    struct error error;

    if (session->is_standalone ||
        match_list_client(settings.newline_exclusions, session->peer.text.name,
                          &session->peer.endpoint, &error) == TABLE_FOUND)
        return 0;
    return settings.newline_rule;
}

static void identify(struct session *session, const struct worker_client *client)
{
    if (session->is_standalone || endpoint_family(&client->peer) == AF_UNIX)
        peer_set_local(&session->peer, &session->arena);
    else if (endpoint_family(&client->peer) == AF_UNSPEC) /* it has gone, or was not told */
        peer_set_unknown(&session->peer, &session->arena);
    else
        peer_identify(&session->peer, &client->peer, &client->local, &session->arena);
    trace_step("client: %s", session_client(session));
    session->connected = session->peer;
    session->bare_newline = newline_rule_for(session);
}

void session_run(struct worker_client *client)
{
    CLEANUP(session_release) struct session session;
    int verbosity = log_verbosity;

    session_init(&session, client);
    if (read_proxy_header(&session, client)) {
        identify(&session, client);
        debug_peer_check(session.peer.text.name, &session.peer.endpoint);
        log_info("connect from %s", session_client(&session));
        if (starttls_wrap(&session) && greet(&session))
            converse(&session);
    }
    say_timeout(&session);
    if (stream_flush_last(session.stream) < 0)
        session_note_stream_end(&session);
    session_end_transaction(&session);
    log_end(&session);
    notice_send(&session);
    limits_disconnect(&session);
    log_disconnect(&session);
    log_verbosity = verbosity; /* see debug_peer_check */
}
