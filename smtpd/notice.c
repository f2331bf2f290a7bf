/* Session transcripts, and the mail to the postmaster. */
#include "notice.h"

#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/cleanup_client.h"
#include "mail/record.h"
#include "session.h"
#include "settings.h"

#define TRANSCRIPT_MAX_BYTES ((size_t)32 << 10) /* what is beyond is of no interest */
#define WRAP_COLUMN          ((size_t)78)
#define WRAP_INDENT          SLICE("     ")

static bool is_wanted(const struct session *session)
{
    return settings.notice_classes && session->transcript.len < TRANSCRIPT_MAX_BYTES;
}

/* A busy session that had no trouble yet need not keep its start. */
static void forget_old(struct session *session, struct slice line)
{
    size_t n_lines = 0;

    if (session->notices & settings.notice_classes ||
        !(slice_starts_with_nocase(line, "EHLO") || slice_starts_with_nocase(line, "RSET") ||
          slice_starts_with_nocase(line, "DATA")))
        return;
    for (size_t i = 0; i < session->transcript.len; i++)
        n_lines += session->transcript.data[i] == '\n';
    if (n_lines > (size_t)params.smtpd_history_flush_threshold)
        buf_reset(&session->transcript);
}

/* "AUTH PLAIN ..." ends with a password. */
static struct slice without_secret(struct slice line)
{
    struct slice rest = line;
    struct slice verb = slice_word(&rest, " \t");

    if (!slice_equals_nocase(verb, "AUTH") || !slice_word(&rest, " \t").ptr || !rest.len)
        return line;
    return slice_sub(line, 0, line.len - rest.len);
}

void notice_add_received(struct session *session, struct slice line)
{
    forget_old(session, line);
    if (is_wanted(session))
        buf_printf(&session->transcript, " In:  %.*s\n", SLICE_ARG(without_secret(line)));
}

void notice_add_sent(struct session *session, struct slice reply)
{
    while (reply.len && is_wanted(session)) {
        struct slice line = slice_trim_right(slice_split(&reply, '\n'));

        buf_printf(&session->transcript, " Out: %.*s\n", SLICE_ARG(line));
    }
}

static void put_line(struct cleanup_client *cleanup, const char *text)
{
    cleanup_put(cleanup, RECORD_LINE, slice_from(text));
}

/* A long line continues indented, cut at a blank where there is one. */
static void put_wrapped(struct cleanup_client *cleanup, struct slice line)
{
    CLEANUP(buf_release) struct buf part = BUF_INIT;

    while (line.len > WRAP_COLUMN - part.len) {
        size_t room = WRAP_COLUMN - part.len;
        size_t cut = slice_find_last(slice_sub(line, 0, room), ' ');

        if (cut < WRAP_INDENT.len + 1 || cut == room)
            cut = room;
        buf_add_slice(&part, slice_sub(line, 0, cut));
        cleanup_put(cleanup, RECORD_LINE, buf_slice(&part));
        buf_set(&part, WRAP_INDENT);
        line = slice_from_offset(line, cut < room ? cut + 1 : cut);
    }
    buf_add_slice(&part, line);
    cleanup_put(cleanup, RECORD_LINE, buf_slice(&part));
}

static bool is_filtered(void)
{
    return words_have(slice_from(params.internal_mail_filter_classes), SLICE("notify"));
}

static void put_envelope(struct cleanup_client *cleanup, const struct session *session)
{
    const char *recipient = session->notices & NOTICE_BOUNCE ? params.bounce_notice_recipient
                                                             : params.error_notice_recipient;
    struct timeval now = time_wall();

    cleanup_printf(cleanup, RECORD_TIME, "%ld %ld", (long)now.tv_sec, (long)now.tv_usec);
    cleanup_put_attribute(cleanup, "rewrite_context", SLICE("local"));
    cleanup_printf(cleanup, RECORD_SENDER, "%s@%s", params.double_bounce_sender,
                   params.myhostname);
    cleanup_put(cleanup, RECORD_RECIPIENT, slice_from(recipient));
    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
}

static void put_header(struct cleanup_client *cleanup, const struct session *session)
{
    time_t now = time_wall_seconds();
    bool is_obsolete = strcmp(params.header_from_format, "obsolete") == 0;
    const char *recipient = params.error_notice_recipient;

    cleanup_printf(cleanup, RECORD_LINE, "Received: by %s (%s)", params.myhostname,
                   params.mail_name);
    cleanup_put_id_and_date(cleanup, now);
    cleanup_printf(cleanup, RECORD_LINE, "Date: %s", time_rfc5322(now));
    if (is_obsolete) {
        cleanup_printf(cleanup, RECORD_LINE, "From: MAILER-DAEMON@%s (Mail Delivery System)",
                       params.myhostname);
        cleanup_printf(cleanup, RECORD_LINE, "To: %s (Postmaster)", recipient);
    } else {
        cleanup_printf(cleanup, RECORD_LINE, "From: Mail Delivery System <MAILER-DAEMON@%s>",
                       params.myhostname);
        cleanup_printf(cleanup, RECORD_LINE, "To: Postmaster <%s>", recipient);
    }
    cleanup_printf(cleanup, RECORD_LINE, "Subject: %s SMTP server: errors from %s",
                   params.mail_name, session_client(session));
    put_line(cleanup, "");
}

static const char *abort_reason(const struct session *session)
{
    switch (session->end) {
    case SESSION_LOST:
        return "lost connection";
    case SESSION_TIMEOUT:
        return "timeout";
    case SESSION_TOO_MANY_ERRORS:
        return "too many errors";
    case SESSION_OPEN:
    case SESSION_CLOSING:
        break;
    }
    return NULL;
}

static void put_body(struct cleanup_client *cleanup, const struct session *session)
{
    struct slice rest = buf_slice(&session->transcript);
    const char *reason = abort_reason(session);

    put_line(cleanup, "Transcript of session follows.");
    put_line(cleanup, "");
    while (rest.len)
        put_wrapped(cleanup, slice_split(&rest, '\n'));
    put_line(cleanup, "");
    if (reason)
        cleanup_printf(cleanup, RECORD_LINE, "Session aborted, reason: %s", reason);
    put_line(cleanup, "");
    put_line(cleanup, "For other details, see the local mail logfile");
}

static int post(struct session *session, struct cleanup_client *cleanup, struct error *error)
{
    unsigned flags = CLEANUP_MAP | CLEANUP_REWRITE | (is_filtered() ? CLEANUP_FILTER : 0);
    struct cleanup_result_texts result;

    cleanup_open(cleanup, settings.cleanup_service, flags, 0, DEADLINE_NONE);
    put_envelope(cleanup, session);
    put_header(cleanup, session);
    put_body(cleanup, session);
    cleanup_put(cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(cleanup, RECORD_END, SLICE_EMPTY);
    if (cleanup_finish(cleanup, &session->scratch, &result, error) < 0)
        return -1;
    if (result.status)
        return error_set(error, ERROR_TEMPORARY, "%s",
                         cleanup_status_detail(result.status)->text);
    return 0;
}

void notice_send(struct session *session)
{
    struct cleanup_client cleanup;
    struct error error;

    if (!(session->notices & settings.notice_classes) || session->is_standalone ||
        session->is_rehearsal)
        return;
    if (post(session, &cleanup, &error) < 0)
        log_warning("postmaster notice of the session with %s: %s", session_client(session),
                    error.text);
    cleanup_client_release(&cleanup);
}
