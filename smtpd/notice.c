/* Session transcripts, and the mail to the postmaster. */
#include "notice.h"

#include "base/log.h"
#include "conf/params.h"
#include "ipc/postmaster_notice.h"
#include "session.h"
#include "settings.h"

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

void notice_add_received(struct session *session, struct slice line)
{
    if (!settings.notice_classes)
        return;
    forget_old(session, line);
    transcript_add_received(&session->transcript, transcript_without_secret(line));
}

void notice_add_sent(struct session *session, struct slice reply)
{
    if (settings.notice_classes)
        transcript_add_sent(&session->transcript, reply);
}

/* Why the session ended, where nobody wanted it to. */
static const char *last_remark(const struct session *session)
{
    switch (session->end) {
    case SESSION_LOST:
        return "Session aborted, reason: lost connection\n\n";
    case SESSION_TIMEOUT:
        return "Session aborted, reason: timeout\n\n";
    case SESSION_TOO_MANY_ERRORS:
        return "Session aborted, reason: too many errors\n\n";
    case SESSION_OPEN:
    case SESSION_CLOSING:
        break;
    }
    return "\n";
}

void notice_send(struct session *session)
{
    struct postmaster_notice notice = {
        .service = settings.cleanup_service,
        .recipient = session->notices & NOTICE_BOUNCE ? params.bounce_notice_recipient
                                                      : params.error_notice_recipient,
        .reporter = "SMTP server",
        .peer = session_client(session),
        .transcript = buf_slice(&session->transcript),
        .last_remark = slice_from(last_remark(session)),
    };
    struct error error;

    if (!(session->notices & settings.notice_classes) || session->is_standalone ||
        session->is_rehearsal)
        return;
    if (postmaster_notice_send(&notice, DEADLINE_NONE, &error) < 0)
        log_warning("postmaster notice of the session with %s: %s", session_client(session),
                    error.text);
}
