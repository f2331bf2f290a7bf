/* The keywords of EHLO: what is offered to whom. */
#include "ehlo.h"

#include <inttypes.h>

#include "auth.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "esmtp.h"
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

static bool never(struct session *session)
{
    (void)session;
    return false;
}

static bool is_in(struct match_list *list, const char *name, const struct peer *peer)
{
    struct error error;
    enum table_result result;

    if (match_list_is_empty(list))
        return false;
    result = match_list_client(list, peer->text.name, &peer->endpoint, &error);
    if (result == TABLE_ERROR)
        log_warning("%s: %s", name, error.text);
    return result == TABLE_FOUND;
}

bool session_may_xclient(struct session *session)
{
    return !session->is_standalone &&
           is_in(settings.xclient_hosts, "smtpd_authorized_xclient_hosts", &session->peer);
}

bool session_may_xforward(struct session *session)
{
    return !session->is_standalone &&
           is_in(settings.xforward_hosts, "smtpd_authorized_xforward_hosts",
                 &session->connected);
}

bool session_may_verp(struct session *session)
{
    return is_in(settings.verp_clients, "smtpd_authorized_verp_clients", &session->peer);
}

/* The order is that of Postfix's answer. An extension is one row. */
static const struct {
    const char *name;
    unsigned bit;
    bool (*is_offered)(struct session *session);
    const char *parameters;
} keywords[] = {
    {"PIPELINING", KEYWORD_PIPELINING, always, NULL},
    {"SIZE", KEYWORD_SIZE, always, NULL},
    {"VRFY", KEYWORD_VRFY, has_vrfy, NULL},
    {"ETRN", KEYWORD_ETRN, always, NULL},
    {"STARTTLS", KEYWORD_STARTTLS, starttls_is_offered, NULL},
    {"AUTH", KEYWORD_AUTH, never, NULL}, /* see auth_add_keyword */
    {"XVERP", KEYWORD_XVERP, session_may_verp, NULL},
    {"XCLIENT", KEYWORD_XCLIENT, session_may_xclient,
     "NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT"},
    {"XFORWARD", KEYWORD_XFORWARD, session_may_xforward,
     "NAME ADDR PROTO HELO SOURCE PORT IDENT"},
    {"ENHANCEDSTATUSCODES", KEYWORD_ENHANCEDSTATUSCODES, always, NULL},
    {"8BITMIME", KEYWORD_8BITMIME, always, NULL},
    {"DSN", KEYWORD_DSN, always, NULL},
    {"SMTPUTF8", KEYWORD_SMTPUTF8, has_smtputf8, NULL},
    {"CHUNKING", KEYWORD_CHUNKING, always, NULL},
    {"REQUIRETLS", KEYWORD_REQUIRETLS, never, NULL},
    {"SILENT-DISCARD", KEYWORD_SILENT_DISCARD, never, NULL},
};

unsigned ehlo_keywords_parse(const char *list)
{
    struct slice rest = slice_from(list);
    struct slice word;
    unsigned bits = 0;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        size_t i = 0;

        while (i < ARRAY_SIZE(keywords) && !slice_equals_nocase(word, keywords[i].name))
            i++;
        if (i < ARRAY_SIZE(keywords))
            bits |= keywords[i].bit;
        else
            log_warning("unknown EHLO keyword \"%.*s\" in \"%s\"", SLICE_ARG(word), list);
    }
    return bits;
}

unsigned ehlo_discarded_for(struct session *session)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (maps_is_empty(settings.discard_keyword_maps))
        return settings.discarded_keywords;
    switch (
        maps_find(settings.discard_keyword_maps, session->peer.text.address, &value, &error)) {
    case TABLE_FOUND:
        return ehlo_keywords_parse(value.data);
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        /* When in doubt offer the least, as Postfix does. */
        log_warning("smtpd_discard_ehlo_keyword_address_maps: %s", error.text);
        return ~(unsigned)KEYWORD_SILENT_DISCARD;
    }
    return settings.discarded_keywords;
}

void ehlo_add_keywords(struct session *session, struct buf *reply)
{
    unsigned discarded = session->discarded_keywords;

    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
        if (discarded & keywords[i].bit)
            continue;
        if (keywords[i].bit == KEYWORD_AUTH)
            auth_add_keyword(session, reply);
        if (!keywords[i].is_offered(session))
            continue;
        buf_printf(reply, "\n%s", keywords[i].name);
        if (keywords[i].bit == KEYWORD_SIZE && params.message_size_limit > 0)
            buf_printf(reply, " %" PRId64, params.message_size_limit);
        if (keywords[i].parameters)
            buf_printf(reply, " %s", keywords[i].parameters);
    }
    if (discarded && !(discarded & KEYWORD_SILENT_DISCARD)) {
        CLEANUP(buf_release) struct buf names = BUF_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(keywords); i++) {
            if (discarded & keywords[i].bit)
                buf_printf(&names, " %s", keywords[i].name);
        }
        log_info("discarding EHLO keywords:%s", names.data);
    }
}

unsigned ehlo_allowed_parameters(struct session *session)
{
    unsigned discarded = session->discarded_keywords;
    unsigned allowed = 0;

    if (!(discarded & KEYWORD_SIZE))
        allowed |= ESMTP_ALLOW_SIZE;
    if (!(discarded & KEYWORD_8BITMIME))
        allowed |= ESMTP_ALLOW_8BITMIME;
    if (!(discarded & KEYWORD_DSN))
        allowed |= ESMTP_ALLOW_DSN;
    if (!(discarded & KEYWORD_SMTPUTF8) && params.smtputf8_enable)
        allowed |= ESMTP_ALLOW_SMTPUTF8;
    if (!(discarded & KEYWORD_XVERP) && session_may_verp(session))
        allowed |= ESMTP_ALLOW_VERP;
    return allowed;
}
