/* The stages of access control: which lists are asked when. */
#include "access.h"

#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/trace.h"
#include "conf/params.h"
#include "conf/restrictions.h"
#include "conf/words.h"
#include "old_defaults.h"
#include "restriction.h"
#include "route/interfaces.h"
#include "settings.h"
#include "transaction.h"

static const struct restriction_list *client_list, *helo_list, *sender_list, *relay_list,
    *recipient_list, *data_list, *end_of_data_list, *etrn_list, *rewrite_list;

/* Without one of these anybody could send anything through us. */
static void require_relay_control(void)
{
    for (size_t i = 0; restriction_guards[i]; i++) {
        if (restriction_list_has(relay_list, restriction_guards[i], RESTRICTION_ENFORCED) ||
            restriction_list_has(recipient_list, restriction_guards[i], RESTRICTION_ENFORCED))
            return;
    }
    fatal(EX_CONFIG,
          "in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions, specify at "
          "least one working instance of: reject_unauth_destination, "
          "defer_unauth_destination, reject, defer, defer_if_permit or check_relay_domains");
}

void access_open(void)
{
    client_list =
        restriction_list_parse("smtpd_client_restrictions", params.smtpd_client_restrictions);
    helo_list =
        restriction_list_parse("smtpd_helo_restrictions", params.smtpd_helo_restrictions);
    sender_list =
        restriction_list_parse("smtpd_sender_restrictions", params.smtpd_sender_restrictions);
    relay_list =
        restriction_list_parse("smtpd_relay_restrictions", params.smtpd_relay_restrictions);
    recipient_list = restriction_list_parse("smtpd_recipient_restrictions",
                                            params.smtpd_recipient_restrictions);
    data_list =
        restriction_list_parse("smtpd_data_restrictions", params.smtpd_data_restrictions);
    end_of_data_list = restriction_list_parse("smtpd_end_of_data_restrictions",
                                              params.smtpd_end_of_data_restrictions);
    etrn_list =
        restriction_list_parse("smtpd_etrn_restrictions", params.smtpd_etrn_restrictions);
    rewrite_list = restriction_list_parse("local_header_rewrite_clients",
                                          params.local_header_rewrite_clients);
    if (!worker_is_standalone())
        require_relay_control();
}

bool access_data_checks_pipelining(void)
{
    return restriction_list_has(data_list, "reject_unauth_pipelining", RESTRICTION_ANY);
}

struct smtp_reply access_denied_reply(struct session *session)
{
    return smtp_reply_printf(&session->scratch, 503, "5.7.0", "Error: access denied for %s",
                             session_client(session));
}

/* -- one list each ------------------------------------------------------------------------- */

static bool run(struct check *check, const struct restriction_list *list, struct slice subject,
                const char *class)
{
    enum access_result result;

    check->subject = subject;
    check->class = class;
    trace_begin("%s", list->name);
    result = restriction_list_run(check, list);
    trace_end("%s", access_result_name(check, result));
    return result != ACCESS_REJECT;
}

static bool run_client(struct check *check)
{
    return run(check, client_list, check->session->peer.full_name, CLASS_CLIENT);
}

static bool run_helo(struct check *check)
{
    const struct buf *helo = &check->session->helo;

    return helo->len == 0 || run(check, helo_list, buf_slice(helo), CLASS_HELO);
}

/* smtpd_reject_unlisted_sender comes behind the list, whatever it permitted. */
static bool run_sender(struct check *check)
{
    static const struct restriction unlisted = {.name = "smtpd_reject_unlisted_sender",
                                                .run = restrict_unlisted_sender};
    struct slice sender;

    if (!check_sender(check, &sender))
        return true;
    if (!run(check, sender_list, sender, CLASS_SENDER))
        return false;
    return !params.smtpd_reject_unlisted_sender || check->sender_was_listed ||
           restriction_run(check, &unlisted) != ACCESS_REJECT;
}

static bool run_recipient(struct check *check)
{
    static const struct restriction unlisted = {.name = "smtpd_reject_unlisted_recipient",
                                                .run = restrict_unlisted_recipient};
    bool relay_first = params.smtpd_relay_before_recipient_restrictions;

    if (!run(check, relay_first ? relay_list : recipient_list, check->recipient,
             CLASS_RECIPIENT)) {
        old_defaults_note_order(check);
        return false;
    }
    old_defaults_note_relay_restrictions(check);
    if (!run(check, relay_first ? recipient_list : relay_list, check->recipient,
             CLASS_RECIPIENT))
        return false;
    if (check->if_permit.is_active)
        return true; /* the deferral comes first */
    return (check->session->transaction && check->session->transaction->actions.discard) ||
           !params.smtpd_reject_unlisted_recipient || check->recipient_was_listed ||
           restriction_run(check, &unlisted) != ACCESS_REJECT;
}

/* -- what is decided in the end --------------------------------------------------------------
 */

/* The request would be permitted: now DEFER_IF_PERMIT speaks up. */
static bool settle(struct check *check, bool is_permitted, struct smtp_reply *reply)
{
    if (is_permitted && check->if_permit.is_active) {
        const struct smtp_reply *deferral = &check->if_permit.reply;

        check->warn_only = false;
        is_permitted = check_reject(check, NOTICE_POLICY, deferral->code, deferral->dsn, "%.*s",
                                    SLICE_ARG(deferral->text)) != ACCESS_REJECT;
    }
    if (!is_permitted)
        *reply = check->reply;
    return is_permitted;
}

/*
 * Without smtpd_delay_reject a deferral of an early stage waits for the recipient: kept as the
 * text of a reply.
 */
static bool settle_later(struct check *check, bool is_permitted, struct buf *later,
                         struct smtp_reply *reply)
{
    if (!is_permitted)
        *reply = check->reply;
    else if (check->if_permit.is_active && later->len == 0)
        buf_printf(later, "%d %s %.*s", check->if_permit.reply.code, check->if_permit.reply.dsn,
                   SLICE_ARG(check->if_permit.reply.text));
    return is_permitted;
}

static void recall(struct check *check, const struct buf *later)
{
    if (later->len == 0 || check->if_permit.is_active)
        return;
    check->if_permit = (struct deferral){
        .is_active = true,
        .reply = smtp_reply_parse(buf_slice(later)),
    };
}

bool access_client(struct session *session, struct smtp_reply *reply)
{
    struct check check = {.session = session};

    return settle_later(&check, run_client(&check), &session->deferred, reply);
}

bool access_helo(struct session *session, struct smtp_reply *reply)
{
    struct check check = {.session = session};

    return settle_later(&check, run_helo(&check), &session->deferred, reply);
}

bool access_mail(struct session *session, struct smtp_reply *reply)
{
    struct check check = {.session = session};

    return settle_later(&check, run_sender(&check), &session->transaction->deferred, reply);
}

bool access_rcpt(struct session *session, struct slice recipient, struct smtp_reply *reply)
{
    struct check check = {.session = session, .recipient = recipient, .has_recipient = true};
    bool is_permitted = true;

    /* RFC 5321 section 4.5.1: whoever is refused must be able to ask why. */
    if (slice_equals_nocase(recipient, "postmaster"))
        return true;
    if (params.smtpd_delay_reject) {
        is_permitted = run_client(&check) && run_helo(&check) && run_sender(&check);
    } else {
        recall(&check, &session->deferred);
        if (session->transaction)
            recall(&check, &session->transaction->deferred);
    }
    return settle(&check, is_permitted && run_recipient(&check), reply);
}

/* As in Postfix, what is said of a message to several people is not about one of them. */
static struct check about_message(struct session *session)
{
    const struct transaction *transaction = session->transaction;
    struct check check = {.session = session, .has_all_recipients = true};

    if (transaction && transaction->n_recipients == 1) {
        check.recipient = transaction->recipient;
        check.has_recipient = true;
    }
    return check;
}

bool access_data(struct session *session, struct smtp_reply *reply)
{
    struct check check = about_message(session);

    if (data_list->count == 0)
        return true;
    return settle(&check, run(&check, data_list, SLICE("DATA"), CLASS_DATA), reply);
}

bool access_end_of_data(struct session *session, struct smtp_reply *reply)
{
    struct check check = about_message(session);

    if (end_of_data_list->count == 0)
        return true;
    return settle(&check, run(&check, end_of_data_list, SLICE("END-OF-MESSAGE"), CLASS_END),
                  reply);
}

bool access_etrn(struct session *session, struct slice domain, struct smtp_reply *reply)
{
    struct check check = {.session = session, .etrn_domain = domain};
    bool is_permitted = true;

    if (params.smtpd_delay_reject)
        is_permitted = run_client(&check) && run_helo(&check);
    return settle(&check, is_permitted && run(&check, etrn_list, domain, CLASS_ETRN), reply);
}

/* Only restrictions that permit clients make sense here, so the result is all there is. */
struct slice access_rewrite_context(struct session *session)
{
    struct check check = {.session = session, .warn_only = true};
    bool is_local = session->is_standalone;

    if (!is_local) {
        trace_begin("%s", rewrite_list->name);
        is_local = restriction_list_run(&check, rewrite_list) == ACCESS_PERMIT;
        trace_end("headers are completed as those of a %s client",
                  is_local ? "local" : "remote");
    }
    return is_local ? SLICE("local") : SLICE("remote");
}
