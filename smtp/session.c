#include "session.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "login.h"
#include "mail/xforward.h"
#include "net/socket.h"
#include "notice.h"
#include "options.h"
#include "pix.h"
#include "tls_report.h"

enum { SMTP_PORT = 25 };

/* What a report tells of the answer to EHLO. */
#define HELLO_KEPT_MAX 2048

struct session *session_new(void)
{
    struct session *session = mem_new(struct session);

    buf_init(&session->host);
    buf_init(&session->label);
    buf_init(&session->relay);
    buf_init(&session->place);
    buf_init(&session->nexthop);
    buf_init(&session->shared_key);
    buf_init(&session->reply);
    buf_init(&session->mechanisms);
    buf_init(&session->hello);
    buf_init(&session->transcript);
    buf_init(&session->tls.key);
    session->stream.fd = -1;
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    stream_release(&session->stream);
    buf_release(&session->host);
    buf_release(&session->label);
    buf_release(&session->relay);
    buf_release(&session->place);
    buf_release(&session->nexthop);
    buf_release(&session->shared_key);
    buf_release(&session->reply);
    buf_release(&session->mechanisms);
    buf_release(&session->hello);
    buf_release(&session->transcript);
    tls_session_release(&session->tls);
    mem_free(session);
}

/* -- what goes wrong
 * ------------------------------------------------------------------------------ */

static void dsn_fill(struct dsn *dsn, const char *status, const char *reason)
{
    *dsn = (struct dsn){.action = *status == '5' ? "failed" : "delayed",
                        .reason = slice_from(reason)};
    memcpy(dsn->status, status, strlen(status) + 1);
}

void session_refused(struct session *session, const char *command, struct arena *arena,
                     struct dsn *dsn)
{
    notice_note_refusal(session);
    dsn_fill(dsn, session->status,
             arena_printf(arena, "host %s said: %s (in reply to %s command)",
                          session->label.data, session->reply.data, command));
    dsn->diagnostic_type = "smtp";
    dsn->diagnostic = arena_slice(arena, buf_slice(&session->reply));
    dsn->mta_type = "dns";
    dsn->mta = arena_slice(arena, buf_slice(&session->host));
}

void session_data_trouble(struct session *session, struct arena *arena, struct dsn *dsn)
{
    notice_note_data_trouble(session);
    dsn_fill(dsn, "4.3.0",
             arena_printf(arena, "local data error while talking to %s", session->label.data));
}

void session_broke(struct session *session, const char *activity, struct arena *arena,
                   struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (session->has_data_trouble) {
        session_data_trouble(session, arena, dsn);
        return;
    }
    if (session->is_garbled)
        buf_printf(&text, "host %s said what is no reply while %s", session->label.data,
                   activity);
    else if (session->stream.state == STREAM_TIMEOUT)
        buf_printf(&text, "conversation with %s timed out while %s", session->label.data,
                   activity);
    else
        buf_printf(&text, "lost connection with %s while %s", session->label.data, activity);
    dsn_fill(dsn, "4.4.2", arena_text(arena, buf_slice(&text)));
}

void session_refused_to_talk(struct session *session, struct arena *arena, struct dsn *dsn)
{
    notice_note_refusal(session);
    dsn_fill(dsn, session->status,
             arena_printf(arena, "host %s refused to talk to me: %s", session->label.data,
                          session->reply.data));
    dsn->diagnostic_type = "smtp";
    dsn->diagnostic = arena_slice(arena, buf_slice(&session->reply));
    dsn->mta_type = "dns";
    dsn->mta = arena_slice(arena, buf_slice(&session->host));
}

/* -- commands and replies
 * ---------------------------------------------------------------------------- */

void session_command(struct session *session, const char *format, ...)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&line, format, arguments);
    va_end(arguments);
    log_debug(1, "> %s: %s", session->label.data, line.data);
    notice_add_sent(session, buf_slice(&line));
    buf_add_text(&line, "\r\n");
    /* A failure shows when the reply is read. */
    if (stream_write_slice(&session->stream, buf_slice(&line)) < 0)
        log_debug(1, "%s: %s", session->label.data, stream_trouble(&session->stream));
}

void session_secret(struct session *session, struct slice line)
{
    notice_add_secret(session, line);
    if (stream_write_slice(&session->stream, line) < 0 ||
        stream_write_slice(&session->stream, SLICE("\r\n")) < 0)
        log_debug(1, "%s: %s", session->label.data, stream_trouble(&session->stream));
}

/* -- greeting and EHLO
 * ------------------------------------------------------------------------------ */

/* Which keywords of this peer do not count. */
static int find_discards(struct session *session)
{
    char text[ENDPOINT_TEXT_BYTES];
    struct slice address = slice_from(endpoint_text(&session->opening->host->address, text));

    if (ehlo_discards_find(&options.discards, address, &session->discarded) != TABLE_ERROR)
        return 0;
    log_warning("%.*s: %s map lookup error for %.*s", SLICE_ARG(session->opening->queue_id),
                options.discards.maps_name, SLICE_ARG(address));
    notice_note_data_trouble(session);
    return -1;
}

/* The limit that SIZE tells; it need not tell one. */
static void take_size(struct session *session, struct slice limit)
{
    int64_t size;

    if (slice_to_int(limit, 0, INT64_MAX, &size))
        session->size_limit = size;
    else if (limit.len > 0)
        log_warning("bad EHLO SIZE limit \"%.*s\" from %s", SLICE_ARG(limit),
                    session->relay.data);
}

static void take_keyword(struct session *session, struct slice line)
{
    static const struct {
        const char *keyword;
        enum feature feature;
    } known[] = {
        {"PIPELINING", FEATURE_PIPELINING},
        {"SIZE", FEATURE_SIZE},
        {"8BITMIME", FEATURE_8BITMIME},
        {"SMTPUTF8", FEATURE_SMTPUTF8},
        {"DSN", FEATURE_DSN},
        {"ENHANCEDSTATUSCODES", FEATURE_STATUS_CODES},
        {"STARTTLS", FEATURE_STARTTLS},
        {"REQUIRETLS", FEATURE_REQUIRETLS},
    };
    struct slice after_equals = slice_from_offset(line, strlen("AUTH="));
    struct slice keyword = slice_word(&line, " \t");

    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_equals_nocase(keyword, known[i].keyword))
            session->features |= known[i].feature;
    if (slice_equals_nocase(keyword, "XFORWARD"))
        session->xforward = xforward_offered(line);
    /* "AUTH=LOGIN" is how it was written before RFC 2554. */
    if (slice_equals_nocase(keyword, "AUTH"))
        login_take_mechanisms(session, line);
    else if (slice_starts_with_nocase(keyword, "AUTH=") && !(session->features & FEATURE_AUTH))
        login_take_mechanisms(session, after_equals);
    if (slice_equals_nocase(keyword, "SIZE"))
        take_size(session, slice_word(&line, " \t"));
}

/* From the reply to EHLO, its lines joined by LF; the first one names the server. */
static void take_features(struct session *session)
{
    struct slice rest = buf_slice(&session->reply);

    session->features = 0;
    session->xforward = 0;
    buf_reset(&session->mechanisms);
    session->size_limit = 0;
    slice_split(&rest, '\n');
    while (rest.len > 0) {
        struct slice line = slice_from_offset(slice_split(&rest, '\n'), strlen("250-"));
        struct slice name = slice_sub(line, 0, slice_find_any(line, " \t="));

        if (!(session->discarded & ehlo_keyword_find(name)))
            take_keyword(session, line);
    }
    if (session->discarded && !(session->discarded & EHLO_SILENT_DISCARD)) {
        CLEANUP(buf_release) struct buf names = BUF_INIT;

        ehlo_keywords_add_names(&names, session->discarded);
        log_info("discarding EHLO keywords: %s", names.data);
    }
}

/* Lines end in CRLF, as they came. */
static void keep_hello(struct session *session)
{
    struct slice rest = slice_sub(buf_slice(&session->reply), 0, HELLO_KEPT_MAX);

    buf_reset(&session->hello);
    while (rest.len > 0) {
        struct slice line = slice_split(&rest, '\n');
        buf_printf(&session->hello, "%.*s%s", SLICE_ARG(line), rest.len ? "\r\n" : "");
    }
}

enum step session_hello(struct session *session, const char **activity)
{
    enum step step;

    *activity =
        options.is_lmtp ? "performing the LHLO handshake" : "performing the EHLO handshake";
    if (!options.never_send_ehlo && (options.always_send_ehlo || session->is_esmtp) &&
        (options.is_lmtp || !(session->workarounds & PIX_DISABLE_ESMTP))) {
        session_command(session, "%s %s", options.is_lmtp ? "LHLO" : "EHLO", options.helo_name);
        step = session_reply_lines(session, options.helo_timeout);
        if (step == STEP_OK && find_discards(session) < 0)
            return STEP_BROKEN;
        if (step == STEP_OK)
            take_features(session);
        if (tls_report_is_enabled())
            keep_hello(session);
        session_join_lines(session);
        if (step != STEP_REFUSED || options.is_lmtp || session->code == 421)
            return step;
    }
    *activity = "performing the HELO handshake";
    session_command(session, "HELO %s", options.helo_name);
    return session_reply(session, options.helo_timeout);
}

/* A 5xx greeting is not the last word on the recipient: another host may take the mail. */
static void soften_greeting(struct session *session)
{
    if (session->code / 100 == 5 && options.skip_5xx_greeting)
        session->status[0] = '4';
}

/*
 * Is the word behind the code of a greeting, or of the reply to EHLO, our own name? On the port
 * of mail servers only: elsewhere it may be a content filter of ours.
 */
static bool is_own_name(const struct session *session, const struct host *host)
{
    struct slice text = slice_from_offset(buf_slice(&session->reply), strlen("250-"));
    struct slice name = slice_sub(text, 0, slice_find_any(text, " \t"));

    return !options.is_lmtp && host->unix_path.len == 0 &&
           endpoint_port(&host->address) == SMTP_PORT &&
           slice_equals_nocase(name, params.myhostname);
}

/* We talk to ourselves: for good where there is no better host that might come back. */
static int loops_back(const struct session *session, struct opening *opening)
{
    log_warning("host %s replied to HELO/EHLO with my own hostname %s", session->relay.data,
                params.myhostname);
    opening->failure = OPENING_FAILED;
    dsn_fill(&opening->dsn, opening->host->is_backup ? "4.4.6" : "5.4.6",
             arena_printf(opening->arena, "mail for %.*s loops back to myself",
                          SLICE_ARG(opening->nexthop)));
    return -1;
}

static bool has_word(struct slice text, const char *wanted)
{
    struct slice word;

    while ((word = slice_word(&text, " \t")).ptr)
        if (slice_equals_nocase(word, wanted))
            return true;
    return false;
}

static int greet(struct session *session, struct opening *opening)
{
    const char *activity = "receiving the initial server greeting";

    if (tls_session_wrap(session, opening) < 0)
        return -1;
    enum step step = session_reply(session, options.helo_timeout);
    if (step == STEP_REFUSED)
        soften_greeting(session);
    else if (step == STEP_OK)
        pix_detect(session, opening);
    session->is_esmtp = has_word(buf_slice(&session->reply), "ESMTP");
    if (step == STEP_OK && is_own_name(session, opening->host))
        log_warning("host %s greeted me with my own hostname %s", session->relay.data,
                    params.myhostname);
    if (step == STEP_OK)
        step = session_hello(session, &activity);
    if (step == STEP_OK && is_own_name(session, opening->host))
        return loops_back(session, opening);
    if (step == STEP_OK)
        return tls_session_negotiate(session, opening) < 0 ? -1 : login_run(session, opening);
    opening->failure = OPENING_FAILED;
    if (step == STEP_REFUSED)
        session_refused_to_talk(session, opening->arena, &opening->dsn);
    else
        session_broke(session, activity, opening->arena, &opening->dsn);
    return -1;
}

/* -- connecting
 * --------------------------------------------------------------------------------------- */

void host_place(const struct host *host, struct buf *place)
{
    char address[ENDPOINT_TEXT_BYTES];

    if (host->unix_path.len > 0)
        buf_set(place, host->unix_path);
    else
        buf_printf(place, "[%s]:%u", endpoint_text(&host->address, address),
                   (unsigned)endpoint_port(&host->address));
}

static void host_label(const struct host *host, struct buf *label)
{
    char address[ENDPOINT_TEXT_BYTES];

    if (host->unix_path.len > 0)
        buf_printf(label, "%.*s[%.*s]", SLICE_ARG(host->name), SLICE_ARG(host->unix_path));
    else
        buf_printf(label, "%.*s[%s]", SLICE_ARG(host->name),
                   endpoint_text(&host->address, address));
}

void host_relay(const struct host *host, struct buf *relay)
{
    host_label(host, relay);
    if (host->unix_path.len == 0)
        buf_printf(relay, ":%u", (unsigned)endpoint_port(&host->address));
}

void session_rename(struct session *session, const struct host *host)
{
    buf_reset(&session->label);
    buf_reset(&session->relay);
    buf_reset(&session->place);
    buf_set(&session->host, host->name);
    host_label(host, &session->label);
    host_relay(host, &session->relay);
    host_place(host, &session->place);
}

static int connect_host(const struct host *host, struct error *error)
{
    deadline_t until =
        options.connect_timeout > 0 ? deadline_in(options.connect_timeout) : DEADLINE_NONE;
    const struct endpoint *source =
        endpoint_family(&host->address) == AF_INET6 ? &options.bind_v6 : &options.bind_v4;
    CLEANUP(mem_free_text) char *path = slice_dup(host->unix_path);

    if (host->unix_path.len > 0)
        return socket_connect_unix(path, until, error);
    return socket_connect(&host->address, source->len ? source : NULL, until, error);
}

struct session *session_open(struct opening *opening)
{
    struct session *session = session_new();
    struct error error;
    int fd = connect_host(opening->host, &error);

    session_rename(session, opening->host);
    if (fd < 0) {
        opening->failure = OPENING_NOT_CONNECTED;
        dsn_fill(
            &opening->dsn, "4.4.1",
            arena_printf(opening->arena, "connect to %s: %s", session->relay.data, error.text));
        session_free(session);
        return NULL;
    }
    stream_init_nonblocking(&session->stream, fd);
    session->opened_ms = time_now_ms();
    session->opening = opening;
    notice_set_sender(session, opening->sender);
    if (greet(session, opening) < 0) {
        session_quit(session);
        return NULL;
    }
    session->opening = NULL;
    return session;
}

void session_quit(struct session *session)
{
    if (session->stream.state == STREAM_OK) {
        stream_set_deadline(&session->stream, deadline_in(options.quit_timeout));
        session_command(session, "QUIT");
        bool is_sent = stream_flush(&session->stream) == 0;
        for (int left = session->n_unread + 1;
             is_sent && !options.skip_quit_response && left > 0; left--) {
            if (session_reply(session, options.quit_timeout) != STEP_BROKEN)
                continue;
            log_debug(1, "%s: %s", session->label.data, stream_trouble(&session->stream));
            break;
        }
    }
    notice_send(session);
    session_free(session);
}
