/* Lines about decisions that rest on defaults of old releases. */
#include "old_defaults.h"

#include "base/log.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "mail/address.h"
#include "restriction.h"
#include "route/interfaces.h"
#include "settings.h"

#define OLD_DEFAULT "using backwards-compatible default setting "

static bool is_own_address(const struct peer *peer)
{
    CLEANUP(buf_release) struct buf literal = BUF_INIT;
    char text[ENDPOINT_TEXT_BYTES + 8];

    buf_printf(&literal, "[%s]", endpoint_literal(&peer->endpoint, text));
    return interfaces_have_literal(buf_slice(&literal));
}

/* Today's style knows our own addresses alone. */
void old_defaults_note_network(const struct peer *peer)
{
    if (!conf_uses_old_default("mynetworks", "2") ||
        !conf_uses_old_default("mynetworks_style", "2") || peer->endpoint.len == 0 ||
        is_own_address(peer))
        return;
    log_info(OLD_DEFAULT "mynetworks_style=subnet to permit request from client \"%.*s\"",
             SLICE_ARG(peer->full_name));
}

static bool is_relayed_by_default(struct check *check)
{
    const struct resolved *resolved;

    if (!conf_uses_old_default("relay_domains", "2"))
        return false;
    resolved = check_resolve_recipient(check);
    return resolved && (resolved->flags & RESOLVE_CLASS_RELAY);
}

void old_defaults_note_relaying(struct check *check)
{
    if (is_relayed_by_default(check))
        log_info(OLD_DEFAULT "relay_domains=$mydestination to accept mail for domain \"%.*s\"",
                 SLICE_ARG(address_domain(check->resolved.recipient)));
}

void old_defaults_note_relay_recipient(struct check *check)
{
    if (is_relayed_by_default(check))
        log_info(OLD_DEFAULT "relay_domains=$mydestination to accept mail for address \"%.*s\"",
                 SLICE_ARG(check->recipient));
}

void old_defaults_note_order(const struct check *check)
{
    if (params.smtpd_relay_before_recipient_restrictions ||
        !conf_uses_old_default("smtpd_relay_before_recipient_restrictions", "3.6"))
        return;
    log_info(OLD_DEFAULT "smtpd_relay_before_recipient_restrictions=no to reject recipient "
                         "\"%.*s\" from client \"%s\"",
             SLICE_ARG(check->recipient), session_client(check->session));
}

/* What these restrictions are today; tried on a copy, for it decides nothing. */
static bool would_be_refused(const struct check *check)
{
    struct check trial = *check;
    enum access_result result;

    if (restrict_permit_mynetworks(&trial, NULL) == ACCESS_PERMIT ||
        restrict_permit_login(&trial, NULL) == ACCESS_PERMIT)
        return false;
    result = check_auth_destination(&trial);
    if (result == ACCESS_PERMIT)
        old_defaults_note_relaying(&trial);
    return result == ACCESS_DUNNO;
}

void old_defaults_note_relay_restrictions(const struct check *check)
{
    if (!conf_uses_old_default("smtpd_relay_restrictions", "1") || !would_be_refused(check))
        return;
    log_info(OLD_DEFAULT "\"smtpd_relay_restrictions = (empty)\" to avoid \"Relay access "
                         "denied\" error for recipient \"%.*s\" from client \"%s\"",
             SLICE_ARG(check->recipient), session_client(check->session));
}

void old_defaults_note_flush(struct slice domain)
{
    if (conf_uses_old_default("fast_flush_domains", "2") &&
        conf_uses_old_default("relay_domains", "2"))
        log_info(OLD_DEFAULT "relay_domains=$mydestination to flush mail for domain \"%.*s\"",
                 SLICE_ARG(domain));
}

void old_defaults_note_8bit(const struct session *session, const char *role,
                            struct slice address)
{
    if (!params.smtputf8_enable && conf_uses_old_default("smtputf8_enable", "1"))
        log_info(OLD_DEFAULT "smtputf8_enable=no to accept non-ASCII %s address \"%.*s\" from "
                             "%s",
                 role, SLICE_ARG(address), session_client(session));
}
