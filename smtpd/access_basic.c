/* Restrictions that look at nothing but themselves, the client, or the session. */
#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "old_defaults.h"
#include "restriction.h"
#include "route/interfaces.h"
#include "settings.h"
#include "transaction.h"

enum access_result restrict_permit(struct check *check, const struct restriction *restriction)
{
    (void)check;
    (void)restriction;
    return ACCESS_PERMIT;
}

enum access_result restrict_reject(struct check *check, const struct restriction *restriction)
{
    (void)restriction;
    return check_reject_subject(check, params.reject_code, "5.7.1", check->subject,
                                check->class, "Access denied");
}

enum access_result restrict_defer(struct check *check, const struct restriction *restriction)
{
    (void)restriction;
    return check_reject_subject(check, params.defer_code, "4.3.2", check->subject, check->class,
                                "Try again later");
}

enum access_result restrict_sleep(struct check *check, const struct restriction *restriction)
{
    (void)check;
    (void)co_sleep_until(deadline_in(SECONDS(restriction->number)));
    return ACCESS_DUNNO;
}

enum access_result restrict_defer_if_permit(struct check *check,
                                            const struct restriction *restriction)
{
    (void)restriction;
    return check_defer_if_permit(check, 450, "4.7.0",
                                 "<%.*s>: %s rejected: defer_if_permit requested",
                                 SLICE_ARG(check->subject), check->class);
}

enum access_result restrict_defer_if_reject(struct check *check,
                                            const struct restriction *restriction)
{
    (void)restriction;
    return check_defer_if_reject(check, 450, "4.7.0",
                                 "<%.*s>: %s rejected: defer_if_reject requested",
                                 SLICE_ARG(check->subject), check->class);
}

enum access_result restrict_unauth_pipelining(struct check *check,
                                              const struct restriction *restriction)
{
    (void)restriction;
    if (!check->session->has_pipelined)
        return ACCESS_DUNNO;
    return check_reject(check, NOTICE_PROTOCOL, 503, "5.5.0",
                        "<%.*s>: %s rejected: Improper use of SMTP command pipelining",
                        SLICE_ARG(check->subject), check->class);
}

enum access_result restrict_permit_mynetworks(struct check *check,
                                              const struct restriction *restriction)
{
    const struct peer *peer = &check->session->peer;
    struct error error;

    (void)restriction;
    switch (match_list_client(settings.mynetworks, peer->text.name, &peer->endpoint, &error)) {
    case TABLE_FOUND:
        old_defaults_note_network(peer);
        return ACCESS_PERMIT;
    case TABLE_NOT_FOUND:
        return ACCESS_DUNNO;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s", error.text);
    return check_lookup_failed(check, check->subject);
}

enum access_result restrict_permit_inet_interfaces(struct check *check,
                                                   const struct restriction *restriction)
{
    const struct peer *peer = &check->session->peer;
    char text[ENDPOINT_TEXT_BYTES + 8];
    const char *literal;

    (void)restriction;
    if (peer->endpoint.len == 0)
        return ACCESS_DUNNO;
    literal =
        arena_printf(&check->session->scratch, "[%s]", endpoint_literal(&peer->endpoint, text));
    return interfaces_have_literal(slice_from(literal)) ? ACCESS_PERMIT : ACCESS_DUNNO;
}

enum access_result restrict_unknown_client_hostname(struct check *check,
                                                    const struct restriction *restriction)
{
    const struct peer *peer = &check->session->peer;

    (void)restriction;
    if (peer->name_status == NAME_STATUS_OK)
        return ACCESS_DUNNO;
    return check_reject(
        check, NOTICE_POLICY,
        peer->name_status == NAME_STATUS_TEMPORARY ? 450 : params.unknown_client_reject_code,
        "4.7.25", "Client host rejected: cannot find your hostname, [%.*s]",
        SLICE_ARG(peer->text.address));
}

enum access_result restrict_unknown_reverse_hostname(struct check *check,
                                                     const struct restriction *restriction)
{
    const struct peer *peer = &check->session->peer;

    (void)restriction;
    if (peer->reverse_name_status == NAME_STATUS_OK)
        return ACCESS_DUNNO;
    return check_reject(
        check, NOTICE_POLICY,
        peer->reverse_name_status == NAME_STATUS_TEMPORARY ? 450
                                                           : params.unknown_client_reject_code,
        "4.7.1", "Client host rejected: cannot find your reverse hostname, [%.*s]",
        SLICE_ARG(peer->text.address));
}

enum access_result restrict_multi_recipient_bounce(struct check *check,
                                                   const struct restriction *restriction)
{
    const struct transaction *transaction = check->session->transaction;
    unsigned n_others = check->has_all_recipients ? 1 : 0;

    (void)restriction;
    if (!transaction || transaction->sender.len || transaction->n_recipients <= n_others)
        return ACCESS_DUNNO;
    return check_reject_subject(check, params.multi_recipient_bounce_reject_code, "5.5.3",
                                check->subject, check->class, "Multi-recipient bounce");
}
