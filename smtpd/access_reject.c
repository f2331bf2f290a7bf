/* Refusing, deferring, and the log lines of both. */
#include <stdarg.h>

#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "restriction.h"
#include "route/rewrite.h"
#include "settings.h"
#include "transaction.h"

void check_fit_dsn(char dsn[DSN_STATUS_BYTES], int code)
{
    if (dsn[0])
        dsn[0] = (char)('0' + code / 100);
}

void check_map_dsn(char dsn[DSN_STATUS_BYTES], const char *class)
{
    /* What a status about addresses (X.1.N) becomes; "" stays as it is. */
    static const struct meaning {
        const char *detail, *sender, *recipient, *other;
    } map[] = {
        {"1.1", "1.7", "1.1", "0.0"}, {"1.2", "1.8", "1.2", "0.0"},
        {"1.3", "1.7", "1.3", "0.0"}, {"1.4", "1.7", "1.4", "0.0"},
        {"1.5", "1.0", "1.5", "0.0"}, {"1.6", "1.7", "1.6", "0.0"},
        {"1.7", "1.7", "1.3", "0.0"}, {"1.8", "1.8", "1.2", "0.0"},
        {"1.0", "1.0", "1.0", "0.0"}, /* and all others */
    };
    const struct meaning *found = map;
    const char *detail;

    if (!dsn[0] || strncmp(dsn + 2, "1.", 2) != 0)
        return;
    while (found < &map[ARRAY_SIZE(map) - 1] && strcmp(dsn + 2, found->detail) != 0)
        found++;
    detail = strcmp(class, CLASS_SENDER) == 0      ? found->sender
             : strcmp(class, CLASS_RECIPIENT) == 0 ? found->recipient
                                                   : found->other;
    if (strcmp(detail, dsn + 2) == 0)
        return;
    log_info("mapping DSN status %s into %s status %c.%s", dsn, class, dsn[0], detail);
    memcpy(dsn + 2, detail, strlen(detail) + 1);
}

bool check_sender(const struct check *check, struct slice *sender)
{
    const struct transaction *transaction = check->session->transaction;

    if (!transaction)
        return false;
    *sender = transaction->sender;
    return true;
}

/* -- the log ------------------------------------------------------------------------------- */

/* " to=<...>": the recipient at hand; later, the only one of the message. */
static void add_recipient(struct buf *line, const struct check *check)
{
    const struct transaction *transaction = check->session->transaction;
    struct slice recipient = check->recipient;

    if (!check->has_recipient) {
        if (!transaction || transaction->n_recipients != 1)
            return;
        recipient = transaction->recipient;
    }
    buf_add_text(line, " to=<");
    address_quote(line, recipient);
    buf_add_char(line, '>');
}

/* "; from=<> to=<> proto= helo=<>" */
static void add_request(struct buf *line, const struct check *check)
{
    const struct session *session = check->session;
    struct slice sender;

    buf_add_char(line, ';');
    if (check_sender(check, &sender)) {
        buf_add_text(line, " from=<");
        address_quote(line, sender);
        buf_add_char(line, '>');
    }
    add_recipient(line, check);
    buf_printf(line, " proto=%s", session->protocol);
    if (session->helo.len)
        buf_printf(line, " helo=<%s>", session->helo.data);
}

void check_log(const struct check *check, const char *what, const char *text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct session *session = check->session;

    buf_printf(&line, "%s: %s: %s from %s: %s", session_queue_id(session), what, session->stage,
               session_client(session), text);
    add_request(&line, check);
    log_info("%s", line.data);
}

static void add_reply(struct buf *text, const struct smtp_reply *reply)
{
    buf_printf(text, "%d %s%s", reply->code, reply->dsn, reply->dsn[0] ? " " : "");
    smtp_reply_add_line(text, reply->text);
}

static void log_reply(const struct check *check, const char *what,
                      const struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    add_reply(&text, reply);
    check_log(check, what, text.data);
}

void access_log_proxy(struct session *session, const char *what, const struct smtp_reply *reply)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    /* The first recipient stands for all of them. */
    const struct check check = {.session = session,
                                .recipient = session->transaction->recipient,
                                .has_recipient = true};

    buf_printf(&line, "%s: %s: ", what, session->stage);
    add_reply(&line, reply);
    add_request(&line, &check);
    log_info("%s", line.data);
}

void check_log_permit(const struct check *check, const char *action, struct slice subject,
                      const char *class, const char *table)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct error error;

    if (match_list_is_empty(settings.logged_permits) ||
        match_list_name(settings.logged_permits, slice_from(action), &error) != TABLE_FOUND)
        return;
    buf_printf(&text, "action=%s for %s=%.*s %s%s", action, class ? class : "",
               SLICE_ARG(subject), table ? "from " : "", table ? table : "");
    check_log(check, "permit", text.data);
}

void access_log_event(struct session *session, const char *what, const char *text)
{
    const struct check check = {.session = session};

    check_log(&check, what, text);
}

void access_log_event_to(struct session *session, const char *what, struct slice recipient,
                         const char *text)
{
    const struct check check = {
        .session = session, .recipient = recipient, .has_recipient = true};

    check_log(&check, what, text);
}

void access_log_reject(struct session *session, const struct smtp_reply *reply)
{
    const struct check check = {.session = session};
    struct smtp_reply softened = *reply;

    if (params.soft_bounce)
        smtp_reply_soften(&softened);
    log_reply(&check, "reject", &softened);
}

/* -- decisions ------------------------------------------------------------------------------
 */

PRINTF_LIKE(4, 0)

static struct smtp_reply make_reply(struct check *check, int code, const char *dsn,
                                    const char *format, va_list arguments) PRINTF_LIKE(4, 0);

static struct smtp_reply make_reply(struct check *check, int code, const char *dsn,
                                    const char *format, va_list arguments)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct smtp_reply reply = {.code = code};

    buf_vprintf(&text, format, arguments);
    reply.text = arena_slice(&check->session->scratch, buf_slice(&text));
    snprintf(reply.dsn, sizeof(reply.dsn), "%s", dsn);
    check_fit_dsn(reply.dsn, code);
    return reply;
}

static enum access_result refuse(struct check *check, struct smtp_reply reply)
{
    if (check->if_reject.is_active && reply.code >= 500)
        reply = check->if_reject.reply;
    if (check->warn_only) {
        log_reply(check, "reject_warning", &reply);
        return ACCESS_DUNNO;
    }
    if (params.soft_bounce)
        smtp_reply_soften(&reply);
    log_reply(check, "reject", &reply);
    check->reply = reply;
    return ACCESS_REJECT;
}

enum access_result check_reject(struct check *check, unsigned notice, int code, const char *dsn,
                                const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;

    va_start(arguments, format);
    reply = make_reply(check, code, dsn, format, arguments);
    va_end(arguments);
    if (code < 400 || code > 599) { /* such as unknown_client_reject_code = 250 */
        log_warning("SMTP reply code configuration error: %d %s %.*s", code, dsn,
                    SLICE_ARG(reply.text));
        reply = smtp_reply(450, "4.7.1", "Service unavailable");
    }
    check->session->notices |= notice;
    return refuse(check, reply);
}

enum access_result check_reject_subject(struct check *check, int code, const char *dsn,
                                        struct slice subject, const char *class,
                                        const char *text)
{
    return check_reject(check, NOTICE_POLICY, code, dsn, "<%.*s>: %s rejected: %s",
                        SLICE_ARG(subject), class, text);
}

enum access_result check_misconfigured(struct check *check)
{
    bool warn_only = check->warn_only;
    enum access_result result;

    check->warn_only = false; /* a broken list is no reason to let things pass */
    result = check_reject(check, NOTICE_SOFTWARE, 451, "4.3.5", "Server configuration error");
    check->warn_only = warn_only;
    return result;
}

enum access_result check_lookup_failed(struct check *check, struct slice subject)
{
    bool warn_only = check->warn_only;
    enum access_result result;

    check->warn_only = false;
    result = check_reject(check, NOTICE_DATA, 451, "4.3.0", "<%.*s>: Temporary lookup failure",
                          SLICE_ARG(subject));
    check->warn_only = warn_only;
    return result;
}

static enum access_result defer(struct check *check, struct deferral *deferral,
                                struct smtp_reply reply)
{
    if (check->warn_only)
        return refuse(check, reply);
    if (!deferral->is_active)
        *deferral = (struct deferral){.is_active = true, .reply = reply};
    return ACCESS_DUNNO;
}

enum access_result check_defer_if_permit(struct check *check, int code, const char *dsn,
                                         const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;

    va_start(arguments, format);
    reply = make_reply(check, code, dsn, format, arguments);
    va_end(arguments);
    return defer(check, &check->if_permit, reply);
}

enum access_result check_defer_if_reject(struct check *check, int code, const char *dsn,
                                         const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;

    va_start(arguments, format);
    reply = make_reply(check, code, dsn, format, arguments);
    va_end(arguments);
    return defer(check, &check->if_reject, reply);
}

enum access_result check_tempfail(struct check *check, const char *action, const char *dsn,
                                  const char *format, ...)
{
    struct smtp_reply reply;
    va_list arguments;

    va_start(arguments, format);
    reply = make_reply(check, 450, dsn, format, arguments);
    va_end(arguments);
    if (strcmp(action, "defer") == 0)
        return refuse(check, reply);
    return defer(check, &check->if_permit, reply);
}

/* -- resolving
 * ---------------------------------------------------------------------------------- */

int check_resolve(struct check *check, struct slice address, struct resolved *resolved)
{
    struct slice sender = SLICE_EMPTY;
    struct error error;

    (void)check_sender(check, &sender);
    address = rewrite_internal(REWRITE_LOCAL, address, &check->session->scratch);
    if (resolve_address(sender, address, false, &check->session->scratch, resolved, &error) <
        0) {
        log_warning("%s", error.text);
        return -1;
    }
    return 0;
}

const struct resolved *check_resolve_recipient(struct check *check)
{
    if (!check->has_resolved) {
        if (check_resolve(check, check->recipient, &check->resolved) < 0)
            return NULL;
        check->has_resolved = true;
    }
    return &check->resolved;
}

enum access_result check_auth_destination(struct check *check)
{
    const unsigned ours =
        RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_ALIAS | RESOLVE_CLASS_VIRTUAL | RESOLVE_CLASS_RELAY;
    const struct resolved *resolved = check_resolve_recipient(check);

    if (!resolved)
        return check_lookup_failed(check, check->recipient);
    /* user%elsewhere@here would make us relay for strangers. */
    if ((resolved->flags & RESOLVE_ROUTED) && !params.allow_untrusted_routing)
        return ACCESS_DUNNO;
    return resolved->flags & ours ? ACCESS_PERMIT : ACCESS_DUNNO;
}
