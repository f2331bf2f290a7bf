/* VRFY and ETRN: questions that are no mail. */
#include "access.h"
#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "esmtp.h"
#include "ipc/flush_client.h"
#include "mail/address.h"
#include "milter.h"
#include "old_defaults.h"
#include "path.h"
#include "transaction.h"

#define FLUSH_LIMIT SECONDS(100)

/* "address SMTPUTF8": the keyword alone may follow (RFC 6531 section 3.7.4.2). */
static bool take_smtputf8(struct slice *text)
{
    size_t blank = slice_find_last(*text, ' ');

    if (blank == text->len ||
        !slice_equals_nocase(slice_from_offset(*text, blank + 1), "SMTPUTF8"))
        return false;
    *text = slice_trim(slice_sub(*text, 0, blank));
    return true;
}

/* VRFY address – RFC 5321 section 4.1.1.6. Never tells more than RCPT would. */
struct smtp_reply query_vrfy(struct session *session, struct slice arguments)
{
    struct slice text = esmtp_join_words(arguments, &session->scratch);
    struct smtp_reply reply;
    struct slice address;
    bool is_smtputf8;

    if (params.disable_vrfy_command)
        return smtp_reply(502, "5.5.1", "VRFY command is disabled");
    is_smtputf8 = take_smtputf8(&text);
    if (text.len == 0) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(501, "5.5.4", "Syntax: VRFY address [SMTPUTF8]");
    }
    if (!milter_other(session, &reply))
        return reply;
    if (!path_parse(text, ADDRESS_LENIENT, &session->scratch, &address) || address.len == 0 ||
        (!is_smtputf8 && !slice_is_ascii(address_domain(address)))) {
        session->notices |= NOTICE_PROTOCOL;
        log_warning("Illegal address syntax from %s in VRFY command: %.*s",
                    session_client(session), SLICE_ARG(slice_sub(text, 0, 100)));
        return smtp_reply(501, "5.1.3", "Bad recipient address syntax");
    }
    if (!session->is_standalone && !access_rcpt(session, address, &reply))
        return reply;
    return smtp_reply_printf(&session->scratch, 252, "2.0.0", "%.*s", SLICE_ARG(text));
}

static struct smtp_reply flush_reply(struct session *session, struct slice domain)
{
    enum flush_status status;
    struct error error;

    if (flush_deliver_site(domain, deadline_in(FLUSH_LIMIT), &status, &error) < 0) {
        log_warning("%s", error.text);
        status = FLUSH_STATUS_FAIL;
    }
    switch (status) {
    case FLUSH_STATUS_OK:
        old_defaults_note_flush(domain);
        return smtp_reply(250, "", "Queuing started");
    case FLUSH_STATUS_FAIL:
        break;
    case FLUSH_STATUS_UNKNOWN:
        /* Outside of fast_flush_domains. */
        return smtp_reply_printf(&session->scratch, 459, "", "<%.*s>: service unavailable",
                                 SLICE_ARG(domain));
    case FLUSH_STATUS_BAD:
        log_warning("bad ETRN %.*s... from %s", SLICE_ARG(slice_sub(domain, 0, 100)),
                    session_client(session));
        break;
    }
    return smtp_reply(458, "", "Unable to queue messages");
}

/* Replies are Postfix's, which have no enhanced codes here. */
static struct smtp_reply etrn(struct session *session, struct slice domain)
{
    struct smtp_reply reply;

    if (!access_etrn(session, domain, &reply))
        return reply;
    reply = flush_reply(session, domain);
    if (reply.code == 459)
        log_warning("reject: ETRN %.*s... from %s", SLICE_ARG(slice_sub(domain, 0, 100)),
                    session_client(session));
    return reply;
}

/* ETRN [@#]domain – RFC 1985 */
struct smtp_reply query_etrn(struct session *session, struct slice arguments)
{
    struct slice domain, more;
    struct smtp_reply reply;

    if (params.smtpd_helo_required && session->helo.len == 0)
        return smtp_reply(503, "", "Error: send HELO/EHLO first");
    if (!milter_other(session, &reply))
        return reply;
    if (session->transaction)
        return smtp_reply(503, "", "Error: MAIL transaction in progress");
    if (!esmtp_next_word(&arguments, &domain) || esmtp_next_word(&arguments, &more))
        return smtp_reply(500, "", "Syntax: ETRN domain");
    if (session->is_standalone) {
        log_warning("do not use ETRN in \"sendmail -bs\" mode");
        return smtp_reply(458, "", "Unable to queue messages");
    }
    if (domain.ptr[0] == '@' || domain.ptr[0] == '#')
        domain = slice_from_offset(domain, 1);
    if (!hostname_is_valid_or_literal(domain))
        return smtp_reply(501, "", "Error: invalid parameter syntax");
    return etrn(session, domain);
}
