/* Restrictions on who has logged in, and on the sender addresses that a login may use. */
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "restriction.h"
#include "settings.h"

enum access_result restrict_permit_login(struct check *check,
                                         const struct restriction *restriction)
{
    const struct session *session = check->session;

    (void)restriction;
    if (!params.smtpd_sasl_auth_enable)
        return ACCESS_DUNNO;
    /* Whoever would log in if he could must not be turned away for good. Postfix hangs up. */
    if (session->login_is_down && session->sasl_username.len == 0)
        return check_defer_if_reject(check, 450, "4.7.0",
                                     "<%.*s>: %s rejected: no authentication service for now",
                                     SLICE_ARG(check->subject), check->class);
    if (session->sasl_username.len == 0 ||
        slice_equals_nocase(session->sasl_method, "anonymous"))
        return ACCESS_DUNNO;
    return ACCESS_PERMIT;
}

/* Without logins a mismatch means nothing. */
static bool has_logins(const char *name)
{
    if (!params.smtpd_sasl_auth_enable)
        log_warning("restriction `%s' ignored: no SASL support", name);
    return params.smtpd_sasl_auth_enable;
}

enum owners { OWNERS_NONE, OWNERS_WITH_LOGIN, OWNERS_OTHERS, OWNERS_UNKNOWN };

/* Whose the sender address is; OWNERS_UNKNOWN: trouble with the tables. */
static enum owners find_owners(struct check *check, struct slice sender)
{
    CLEANUP(buf_release) struct buf owners = BUF_INIT;
    struct resolved resolved;
    struct maps_address query = {
        .address = sender,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN,
    };
    struct error error;

    if (maps_is_empty(settings.sender_logins))
        return OWNERS_NONE;
    if (check_resolve(check, sender, &resolved) < 0)
        return OWNERS_UNKNOWN;
    if (resolved.flags & RESOLVE_CLASS_LOCAL)
        query.forms |= MAPS_LOCAL;
    switch (maps_find_address(settings.sender_logins, &query, &owners, &error)) {
    case TABLE_FOUND:
        return words_have(buf_slice(&owners), check->session->sasl_username) ? OWNERS_WITH_LOGIN
                                                                             : OWNERS_OTHERS;
    case TABLE_NOT_FOUND:
        return OWNERS_NONE;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s", error.text);
    return OWNERS_UNKNOWN;
}

/* The sender of one who has logged in; may_be_free: an address without owners is anybody's. */
static enum access_result require_own(struct check *check, struct slice sender,
                                      bool may_be_free)
{
    const struct session *session = check->session;
    const char *text;

    switch (find_owners(check, sender)) {
    case OWNERS_WITH_LOGIN:
        return ACCESS_DUNNO;
    case OWNERS_UNKNOWN:
        return check_lookup_failed(check, sender);
    case OWNERS_NONE:
        if (may_be_free)
            return ACCESS_DUNNO;
        break;
    case OWNERS_OTHERS:
        break;
    }
    text = arena_printf(&check->session->scratch, "not owned by user %.*s",
                        SLICE_ARG(session->sasl_username));
    return check_reject_subject(check, 553, "5.7.1", sender, CLASS_SENDER, text);
}

/* The sender of one who has not: an address that has owners is for them. */
static enum access_result require_free(struct check *check, struct slice sender)
{
    switch (find_owners(check, sender)) {
    case OWNERS_NONE:
        return ACCESS_DUNNO;
    case OWNERS_UNKNOWN:
        return check_lookup_failed(check, sender);
    case OWNERS_WITH_LOGIN:
    case OWNERS_OTHERS:
        break;
    }
    return check_reject_subject(check, 553, "5.7.1", sender, CLASS_SENDER, "not logged in");
}

static bool has_login(const struct check *check)
{
    return check->session->sasl_username.len > 0;
}

/* The bounce's <> is nobody's. */
static bool has_sender(const struct check *check, struct slice *sender)
{
    return check_sender(check, sender) && sender->len > 0;
}

enum access_result restrict_login_of_others(struct check *check,
                                            const struct restriction *restriction)
{
    struct slice sender;

    (void)restriction;
    if (!has_logins("reject_authenticated_sender_login_mismatch") || !has_login(check) ||
        !has_sender(check, &sender))
        return ACCESS_DUNNO;
    return require_own(check, sender, false);
}

enum access_result restrict_no_login(struct check *check, const struct restriction *restriction)
{
    struct slice sender;

    (void)restriction;
    if (!has_logins("reject_unauthenticated_sender_login_mismatch") || has_login(check) ||
        !has_sender(check, &sender))
        return ACCESS_DUNNO;
    return require_free(check, sender);
}

enum access_result restrict_login_mismatch(struct check *check,
                                           const struct restriction *restriction)
{
    enum access_result result = restrict_login_of_others(check, restriction);

    return result == ACCESS_DUNNO ? restrict_no_login(check, restriction) : result;
}

enum access_result restrict_known_login_mismatch(struct check *check,
                                                 const struct restriction *restriction)
{
    struct slice sender;

    (void)restriction;
    if (!has_logins("reject_known_sender_login_mismatch") || !has_sender(check, &sender))
        return ACCESS_DUNNO;
    return has_login(check) ? require_own(check, sender, true) : require_free(check, sender);
}

enum access_result restrict_login_access(struct check *check,
                                         const struct restriction *restriction)
{
    struct slice login = check->session->sasl_username;

    if (login.len == 0)
        return ACCESS_DUNNO;
    return access_look_up_key(check, &restriction->table, login, login, CLASS_LOGIN);
}
