/* The keywords of EHLO: what is offered to whom. */
#include "ehlo.h"

#include <inttypes.h>

#include "auth.h"
#include "base/log.h"
#include "conf/params.h"
#include "esmtp.h"
#include "route/ehlo_keywords.h"
#include "session.h"
#include "settings.h"
#include "starttls.h"

static bool always(struct session *session)
{
    (void)session;
    return true;
}

static bool has_vrfy(struct session *session)
{
    (void)session;
    return !params.disable_vrfy_command;
}

static bool has_smtputf8(struct session *session)
{
    (void)session;
    return params.smtputf8_enable;
}

/* Only where the message came protected itself (RFC 8689 section 2). */
static bool has_requiretls(struct session *session)
{
    return params.requiretls_enable && session_is_encrypted(session);
}

static bool never(struct session *session)
{
    (void)session;
    return false;
}

static bool is_in(struct match_list *list, const struct peer *peer)
{
    struct error error;
    enum table_result result;

    if (match_list_is_empty(list))
        return false;
    result = match_list_client(list, peer->text.name, &peer->endpoint, &error);
    if (result == TABLE_ERROR)
        log_warning("%s", error.text);
    return result == TABLE_FOUND;
}

bool session_may_xclient(struct session *session)
{
    return !session->is_standalone && is_in(settings.xclient_hosts, &session->peer);
}

bool session_may_xforward(struct session *session)
{
    return !session->is_standalone && is_in(settings.xforward_hosts, &session->connected);
}

bool session_may_verp(struct session *session)
{
    return is_in(settings.verp_clients, &session->peer);
}

/* The order is that of Postfix's answer. An extension is one row. */
static const struct {
    enum ehlo_keyword keyword;
    bool (*is_offered)(struct session *session);
    const char *parameters;
} keywords[] = {
    {EHLO_PIPELINING, always, NULL},
    {EHLO_SIZE, always, NULL},
    {EHLO_VRFY, has_vrfy, NULL},
    {EHLO_ETRN, always, NULL},
    {EHLO_STARTTLS, starttls_is_offered, NULL},
    {EHLO_AUTH, never, NULL}, /* see auth_add_keyword */
    {EHLO_XVERP, session_may_verp, NULL},
    {EHLO_XCLIENT, session_may_xclient,
     "NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"},
    {EHLO_XFORWARD, session_may_xforward, "NAME ADDR PROTO HELO SOURCE PORT IDENT"},
    {EHLO_ENHANCEDSTATUSCODES, always, NULL},
    {EHLO_8BITMIME, always, NULL},
    {EHLO_DSN, always, NULL},
    {EHLO_SMTPUTF8, has_smtputf8, NULL},
    {EHLO_CHUNKING, always, NULL},
    {EHLO_REQUIRETLS, has_requiretls, NULL},
    /* Of the others we have none. */
};

void ehlo_add_keywords(struct session *session, struct buf *reply)
{
    unsigned discarded = session->discarded_keywords;

    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
        if (discarded & keywords[i].keyword)
            continue;
        if (keywords[i].keyword == EHLO_AUTH)
            auth_add_keyword(session, reply);
        if (!keywords[i].is_offered(session))
            continue;
        buf_printf(reply, "\n%s", ehlo_keyword_name(keywords[i].keyword));
        if (keywords[i].keyword == EHLO_SIZE && params.message_size_limit > 0)
            buf_printf(reply, " %" PRId64, params.message_size_limit);
        if (keywords[i].parameters)
            buf_printf(reply, " %s", keywords[i].parameters);
    }
    if (discarded && !(discarded & EHLO_SILENT_DISCARD)) {
        CLEANUP(buf_release) struct buf names = BUF_INIT;

        ehlo_keywords_add_names(&names, discarded);
        log_info("discarding EHLO keywords: %s", names.data);
    }
}

unsigned ehlo_allowed_parameters(struct session *session)
{
    unsigned discarded = session->discarded_keywords;
    unsigned allowed = 0;

    if (!(discarded & EHLO_SIZE))
        allowed |= ESMTP_ALLOW_SIZE;
    if (!(discarded & EHLO_8BITMIME))
        allowed |= ESMTP_ALLOW_8BITMIME;
    if (!(discarded & EHLO_DSN))
        allowed |= ESMTP_ALLOW_DSN;
    if (!(discarded & EHLO_SMTPUTF8) && params.smtputf8_enable)
        allowed |= ESMTP_ALLOW_SMTPUTF8;
    if (!(discarded & EHLO_XVERP) && session_may_verp(session))
        allowed |= ESMTP_ALLOW_VERP;
    if (!(discarded & EHLO_REQUIRETLS) && has_requiretls(session))
        allowed |= ESMTP_ALLOW_REQUIRETLS;
    return allowed;
}
