#include "notice.h"

#include "base/arena.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/postmaster_notice.h"
#include "mail/address.h"
#include "options.h"
#include "session.h"

/* The message under way does not wait any longer to be accounted for. */
#define SEND_LIMIT MINUTES(1)

static const char *cleanup_service;
static bool wants_misunderstandings, wants_data_trouble;

void notice_open(void)
{
    static struct arena arena;

    wants_misunderstandings = words_have(slice_from(params.notify_classes), SLICE("protocol"));
    wants_data_trouble = words_have(slice_from(params.notify_classes), SLICE("data"));
    arena_reset(&arena);
    cleanup_service = arena_printf(&arena, "public/%s", params.cleanup_service_name);
}

static bool may_be_sent(void)
{
    return wants_misunderstandings || wants_data_trouble;
}

void notice_add_sent(struct session *session, struct slice command)
{
    if (may_be_sent())
        transcript_add_sent(&session->transcript, command);
}

void notice_add_secret(struct session *session, struct slice line)
{
    bool is_command = slice_starts_with_nocase(line, "AUTH ");

    notice_add_sent(session,
                    is_command ? transcript_without_secret(line) : SLICE("(not shown)"));
}

void notice_add_received(struct session *session, struct slice line)
{
    if (may_be_sent())
        transcript_add_received(&session->transcript, line);
}

void notice_note_garbage(struct session *session)
{
    session->is_misunderstood = true;
}

/*
 * Codes that say that we made a mistake (RFC 5321 section 4.2.2: syntax, commands unknown or
 * out of place; 555: a parameter unknown), and those that refuse nothing.
 */
void notice_note_refusal(struct session *session)
{
    int code = session->code;

    if (code < 400 || code > 599 || code == 555 || (code >= 500 && code <= 509))
        session->is_misunderstood = true;
}

void notice_note_data_trouble(struct session *session)
{
    session->has_data_trouble = true;
}

void notice_set_sender(struct session *session, struct slice sender)
{
    struct slice local_part = address_local_part(sender);

    session->is_for_reports =
        sender.len == 0 || slice_equals_nocase(local_part, params.double_bounce_sender);
}

static void send_it(const struct session *session)
{
    CLEANUP(buf_release) struct buf opening = BUF_INIT;
    struct error error;

    buf_printf(&opening, "Unexpected response from %s.\n\n", session->relay.data);
    const struct postmaster_notice notice = {
        .service = cleanup_service,
        .recipient = params.error_notice_recipient,
        .reporter = options.is_lmtp ? "LMTP client" : "SMTP client",
        .peer = session->relay.data,
        .opening = buf_slice(&opening),
        .transcript = buf_slice(&session->transcript),
    };
    if (postmaster_notice_send(&notice, deadline_in(SEND_LIMIT), &error) < 0)
        log_warning("postmaster notice of the session with %s: %s", session->relay.data,
                    error.text);
}

void notice_send(struct session *session)
{
    bool is_due = (wants_misunderstandings && session->is_misunderstood) ||
                  (wants_data_trouble && session->has_data_trouble);

    if (is_due && !session->is_for_reports)
        send_it(session);
    session->is_misunderstood = session->has_data_trouble = false;
    buf_reset(&session->transcript);
}
