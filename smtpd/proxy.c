#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include "access.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "dns/connect.h"
#include "esmtp.h"
#include "mail/record.h"
#include "mail/xforward.h"
#include "session.h"
#include "transaction.h"

#define QUIT_LIMIT     SECONDS(1)
#define FILE_BUF_BYTES ((size_t)65536)

static struct socket_name server;
static bool adjusts_speed;

bool proxy_is_used(const struct session *session)
{
    return *params.smtpd_proxy_filter && !session->is_standalone && !session->is_rehearsal;
}

static void parse_options(void)
{
    struct slice rest = slice_from(params.smtpd_proxy_options);
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (!slice_equals_nocase(word, "speed_adjust"))
            fatal(EX_CONFIG, "unknown smtpd_proxy_options value \"%.*s\" in \"%s\"",
                  SLICE_ARG(word), params.smtpd_proxy_options);
        adjusts_speed = true;
    }
}

/* "host:port" means "inet:host:port". */
void proxy_open(void)
{
    static struct arena arena;
    const char *name = params.smtpd_proxy_filter;
    struct slice kind = slice_sub(slice_from(name), 0, slice_find(slice_from(name), ':'));
    struct error error;

    if (*name == '\0')
        return;
    parse_options();
    if (!slice_equals(kind, "inet") && !slice_equals(kind, "unix") &&
        !slice_equals(kind, "local"))
        name = arena_printf(&arena, "inet:%s", name);
    if (socket_name_parse(&server, slice_from(name), &error) < 0)
        fatal(EX_CONFIG, "smtpd_proxy_filter: %s", error.text);
}

struct proxy *proxy_new(void)
{
    struct proxy *proxy = mem_new(struct proxy);

    proxy->stream.fd = -1;
    proxy->file = -1;
    buf_init(&proxy->mail);
    buf_init(&proxy->recipients);
    buf_init(&proxy->unwritten);
    return proxy;
}

void proxy_free(struct proxy *proxy)
{
    if (!proxy)
        return;
    if (proxy->is_connected && !proxy->has_failed) {
        stream_set_deadline(&proxy->stream, deadline_in(QUIT_LIMIT));
        (void)!stream_write_slice(&proxy->stream, SLICE("QUIT\r\n"));
        (void)!stream_flush(&proxy->stream);
    }
    stream_release(&proxy->stream);
    fd_close(&proxy->file);
    buf_release(&proxy->mail);
    buf_release(&proxy->recipients);
    buf_release(&proxy->unwritten);
    mem_free(proxy);
}

/* -- talking ------------------------------------------------------------------------------- */

static struct smtp_reply trouble(struct session *session)
{
    session->notices |= NOTICE_SOFTWARE;
    return smtp_reply(451, "4.3.0", "Error: queue file write error");
}

static void log_broken(struct proxy *proxy)
{
    if (!proxy->has_failed) {
        log_warning("%s proxy %s",
                    proxy->stream.state == STREAM_TIMEOUT ? "timeout talking to"
                                                          : "lost connection with",
                    params.smtpd_proxy_filter);
    }
    proxy->has_failed = true;
}

static bool read_reply(struct session *session, struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;

    stream_set_deadline(&proxy->stream, deadline_in(params.smtpd_proxy_timeout));
    if (proxy_read_reply(&proxy->stream, params.smtpd_proxy_filter, &session->scratch, reply))
        return true;
    log_broken(proxy);
    *reply = trouble(session);
    return false;
}

static void log_rejected(struct slice command, const struct smtp_reply *reply)
{
    log_warning("proxy %s rejected \"%.*s\": \"%d %s%s%.*s\"", params.smtpd_proxy_filter,
                SLICE_ARG(command), reply->code, reply->dsn, reply->dsn[0] ? " " : "",
                SLICE_ARG(reply->text));
}

/* Say a command; true when the reply's first digit is that. *reply is the filter's or ours. */
static bool say(struct session *session, struct slice command, int digit,
                struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;

    stream_set_deadline(&proxy->stream, deadline_in(params.smtpd_proxy_timeout));
    if (stream_write_slice(&proxy->stream, command) < 0 ||
        stream_write_slice(&proxy->stream, SLICE("\r\n")) < 0) {
        log_broken(proxy);
        *reply = trouble(session);
        return false;
    }
    if (!read_reply(session, reply))
        return false;
    if (reply->code / 100 == digit)
        return true;
    log_rejected(command, reply);
    /* A filter that says "354" to RCPT, or "250" to DATA, is out of its mind. */
    if (reply->code < 400)
        *reply = trouble(session);
    return false;
}

static void note_offers(struct proxy *proxy, struct slice reply)
{
    while (reply.len) {
        struct slice line = slice_split(&reply, '\n');
        struct slice keyword = slice_split(&line, ' ');

        if (slice_equals_nocase(keyword, "XFORWARD"))
            proxy->offered = xforward_offered(line);
    }
}

/* What we know of the client, or were told of the one behind it. */
static bool forward_client(struct session *session, struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf command = BUF_INIT;
    bool is_told = session->has_forwarded;
    const struct client_attributes *client =
        is_told ? &session->forwarded : &session->peer.text;
    bool is_local = is_told ? session->forwarded_is_local
                            : slice_equals(session->transaction->rewrite_context, "local");
    struct slice address = client->address;
    size_t at = 0;

    if (slice_find(address, ':') < address.len)
        address = slice_from(arena_printf(&session->scratch, "IPV6:%.*s", SLICE_ARG(address)));

    const struct xforward_value values[] = {
        {XFORWARD_NAME, client->name},
        {XFORWARD_ADDR, address},
        {XFORWARD_PORT, client->port},
        {XFORWARD_HELO, is_told ? client->helo : buf_slice(&session->helo)},
        {XFORWARD_IDENT, session->forwarded_ident},
        {XFORWARD_PROTO, is_told ? client->protocol : slice_from(session->protocol)},
        {XFORWARD_SOURCE, is_local ? SLICE("LOCAL") : SLICE("REMOTE")},
    };

    while (xforward_command(&command, session->transaction->proxy->offered, values,
                            ARRAY_SIZE(values), &at)) {
        if (!say(session, buf_slice(&command), 2, reply))
            return false;
    }
    return true;
}

/* Greeting, EHLO and XFORWARD; whatever the filter says to them is not the client's business.
 */
static bool introduce(struct session *session, struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;
    const char *ehlo = arena_printf(&session->scratch, "EHLO %s", params.smtpd_proxy_ehlo);

    if (!read_reply(session, reply))
        return false;
    if (reply->code / 100 != 2) {
        log_rejected(SLICE("connection"), reply);
        return false;
    }
    if (!say(session, slice_from(ehlo), 2, reply))
        return false;
    note_offers(proxy, reply->text);
    return forward_client(session, reply);
}

static bool connect_filter(struct session *session)
{
    struct proxy *proxy = session->transaction->proxy;
    struct error error;
    int fd = connect_server(&server, deadline_in(params.smtpd_proxy_timeout), &error);

    if (fd < 0) {
        log_warning("connect to proxy filter %s: %s", params.smtpd_proxy_filter, error.text);
        return false;
    }
    stream_init(&proxy->stream, fd);
    proxy->is_connected = true;
    return true;
}

/* All up to MAIL. */
static bool begin(struct session *session, struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;

    if (!connect_filter(session) || !introduce(session, reply)) {
        proxy->has_failed = true;
        *reply = trouble(session);
        return false;
    }
    if (say(session, buf_slice(&proxy->mail), 2, reply))
        return true;
    proxy->has_failed = true;
    return false;
}

/* -- the envelope -------------------------------------------------------------------------- */

/* What the client said, but for bytes that the filter might take for the end of the line. */
static void add_command(struct buf *out, struct slice command)
{
    size_t start = out->len;

    buf_add_slice(out, command);
    for (size_t i = start; i < out->len; i++) {
        if ((unsigned char)out->data[i] < ' ')
            out->data[i] = ' ';
    }
}

/* Without REQUIRETLS: the way to the filter is not encrypted, and a header tells it. */
static void add_mail(struct buf *out, struct slice command)
{
    struct slice word;

    while (esmtp_next_word(&command, &word)) {
        if (slice_equals_nocase(word, "REQUIRETLS"))
            continue;
        if (out->len)
            buf_add_char(out, ' ');
        add_command(out, word);
    }
}

void proxy_mail(struct session *session)
{
    struct transaction *transaction = session->transaction;

    transaction->proxy = proxy_new();
    if (transaction->parameters.is_requiretls)
        add_mail(&transaction->proxy->mail, session->command);
    else
        add_command(&transaction->proxy->mail, session->command);
}

/* A filter that failed is given another chance with the next recipient. */
static bool is_ready(struct session *session, struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;
    struct proxy *proxy = transaction->proxy;

    if (proxy->is_connected && !proxy->has_failed)
        return true;
    if (transaction->n_recipients > 0) { /* it knows those, and would not know them again */
        *reply = trouble(session);
        return false;
    }
    stream_release(&proxy->stream);
    proxy->is_connected = proxy->has_failed = false;
    return begin(session, reply);
}

bool proxy_recipient(struct session *session, struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf command = BUF_INIT;
    struct proxy *proxy = session->transaction->proxy;

    if (!adjusts_speed && !is_ready(session, reply))
        return false;
    transaction_log_client(session);
    add_command(&command, session->command);
    if (!adjusts_speed)
        return say(session, buf_slice(&command), 2, reply);
    buf_add_slice(&proxy->recipients, buf_slice(&command));
    buf_add_char(&proxy->recipients, '\n');
    return true;
}

/* -- the content --------------------------------------------------------------------------- */

/* A file without a name: it is gone when we are. */
static bool open_file(struct proxy *proxy)
{
    proxy->file = open("incoming", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (proxy->file >= 0)
        return true;
    log_warning("create a file for smtpd_proxy_options = speed_adjust: %m");
    return false;
}

bool proxy_data(struct session *session, struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;

    if (!adjusts_speed) {
        if (!proxy->has_failed)
            return say(session, SLICE("DATA"), 3, reply);
    } else if (open_file(proxy)) {
        return true;
    }
    *reply = trouble(session);
    return false;
}

static void write_file(struct proxy *proxy)
{
    if (!proxy->has_failed &&
        fd_write_all(proxy->file, proxy->unwritten.data, proxy->unwritten.len) < 0) {
        log_warning("write to a file for smtpd_proxy_options = speed_adjust: %m");
        proxy->has_failed = true;
    }
    buf_reset(&proxy->unwritten);
}

static void pass_on(struct proxy *proxy, struct slice data)
{
    if (proxy->has_failed)
        return;
    if (proxy->file >= 0) {
        buf_add_slice(&proxy->unwritten, data);
        if (proxy->unwritten.len >= FILE_BUF_BYTES)
            write_file(proxy);
    } else if (stream_write_slice(&proxy->stream, data) < 0) {
        log_broken(proxy);
    }
}

void proxy_put(struct proxy *proxy, char type, struct slice data)
{
    if (type != RECORD_LINE && type != RECORD_PART)
        return;
    if (proxy->file < 0)
        stream_set_deadline(&proxy->stream, deadline_in(params.smtpd_proxy_timeout));
    if (!proxy->is_inside_line && data.len && data.ptr[0] == '.')
        pass_on(proxy, SLICE("."));
    pass_on(proxy, data);
    if (type == RECORD_LINE)
        pass_on(proxy, SLICE("\r\n"));
    proxy->is_inside_line = type == RECORD_PART;
}

/* -- speed_adjust: all of it at once ------------------------------------------------------- */

static bool replay_recipients(struct session *session, struct smtp_reply *reply)
{
    struct slice rest = buf_slice(&session->transaction->proxy->recipients);

    while (rest.len) {
        if (!say(session, slice_split(&rest, '\n'), 2, reply))
            return false;
    }
    return true;
}

static bool replay_content(struct session *session, int file, struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf block = BUF_INIT;
    struct proxy *proxy = session->transaction->proxy;
    char *data = buf_reserve(&block, FILE_BUF_BYTES);
    off_t at = 0;
    ssize_t n;

    while ((n = pread(file, data, FILE_BUF_BYTES, at)) > 0) {
        stream_set_deadline(&proxy->stream, deadline_in(params.smtpd_proxy_timeout));
        if (stream_write(&proxy->stream, data, (size_t)n) < 0) {
            log_broken(proxy);
            break;
        }
        at += n;
    }
    if (n == 0)
        return true;
    if (n < 0)
        log_warning("read a file for smtpd_proxy_options = speed_adjust: %m");
    proxy->has_failed = true;
    *reply = trouble(session);
    return false;
}

static bool replay(struct session *session, struct smtp_reply *reply)
{
    struct proxy *proxy = session->transaction->proxy;
    CLEANUP(fd_close) int file = proxy->file;

    write_file(proxy);
    proxy->file = -1;
    if (proxy->has_failed) {
        *reply = trouble(session);
        return false;
    }
    return begin(session, reply) && replay_recipients(session, reply) &&
           say(session, SLICE("DATA"), 3, reply) && replay_content(session, file, reply);
}

static struct smtp_reply ask_verdict(struct session *session)
{
    struct proxy *proxy = session->transaction->proxy;
    struct smtp_reply reply;

    if (adjusts_speed && !replay(session, &reply))
        return reply;
    if (proxy->has_failed)
        return trouble(session);
    stream_set_deadline(&proxy->stream, deadline_in(params.smtpd_proxy_timeout));
    if (stream_write_slice(&proxy->stream, SLICE(".\r\n")) < 0) {
        log_broken(proxy);
        return trouble(session);
    }
    if (!read_reply(session, &reply))
        return reply;
    /* Only a 2xx is an acceptance; what makes no sense is no reason to lose mail. */
    return reply.code / 100 == 3 ? trouble(session) : reply;
}

struct smtp_reply proxy_finish(struct session *session)
{
    struct smtp_reply reply = ask_verdict(session);

    access_log_proxy(session, reply.code / 100 == 2 ? "proxy-accept" : "proxy-reject", &reply);
    if (reply.code / 100 != 2)
        session->notices |= NOTICE_POLICY;
    return reply;
}
