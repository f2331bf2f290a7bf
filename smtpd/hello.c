/* HELO and EHLO – RFC 5321 section 4.1.1.1 */
#include "access.h"
#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "ehlo.h"
#include "esmtp.h"
#include "milter.h"
#include "route/ehlo_keywords.h"
#include "settings.h"

/* The name goes into headers and log lines: what has a meaning there must not be in it. */
static struct slice neutered(struct session *session, struct slice name)
{
    char *copy = arena_text(&session->scratch, name);

    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)copy[i] < 0x80 &&
            (!ascii_is_print(copy[i]) || strchr(" <>()\\\";@", copy[i])))
            copy[i] = '?';
    }
    return slice_of(copy, name.len);
}

/* Take the name and begin anew. False: access control refused it, *reply tells. */
static bool accept_name(struct session *session, struct slice name, const char *protocol,
                        struct smtp_reply *reply)
{
    session_end_transaction(session);
    session->after_bdat_error = false;
    buf_set(&session->helo, neutered(session, name));
    if (!params.smtpd_delay_reject && !access_helo(session, reply)) {
        buf_reset(&session->helo);
        return false;
    }
    if (!milter_helo(session, reply))
        return false;
    session->protocol = protocol;
    return true;
}

struct smtp_reply hello_helo(struct session *session, struct slice arguments)
{
    struct slice name = esmtp_join_words(arguments, &session->scratch);
    struct smtp_reply reply;

    if (name.len == 0) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(501, "", "Syntax: HELO hostname");
    }
    /* After EHLO it stays ESMTP, as in Postfix. */
    if (!accept_name(session, name, session->protocol, &reply))
        return reply;
    return smtp_reply(250, "", params.myhostname);
}

struct smtp_reply hello_ehlo(struct session *session, struct slice arguments)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct slice name = esmtp_join_words(arguments, &session->scratch);
    struct smtp_reply reply;

    if (name.len == 0) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(501, "", "Syntax: EHLO hostname");
    }
    if (!accept_name(session, name, "ESMTP", &reply))
        return reply;
    if (ehlo_discards_find(&settings.ehlo_discards, session->peer.text.address,
                           &session->discarded_keywords) == TABLE_ERROR) {
        log_warning("don't know what EHLO features to announce to %s", session_client(session));
        return command_data_error(session);
    }
    buf_add_text(&text, params.myhostname);
    if (milter_has_refused(session))
        buf_add_text(&text, "\nENHANCEDSTATUSCODES");
    else
        ehlo_add_keywords(session, &text);
    return smtp_reply_printf(&session->scratch, 250, "", "%s", text.data);
}
