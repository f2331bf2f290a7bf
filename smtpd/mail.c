/* MAIL and RCPT – RFC 5321 sections 4.1.1.2 and 4.1.1.3 */
#include "access.h"
#include "base/log.h"
#include "commands.h"
#include "conf/params.h"
#include "ehlo.h"
#include "esmtp.h"
#include "limits.h"
#include "mail/address.h"
#include "milter.h"
#include "old_defaults.h"
#include "path.h"
#include "space.h"
#include "transaction.h"

static struct smtp_reply syntax_error(struct session *session, const char *dsn,
                                      const char *text)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply(501, dsn, text);
}

/* Where MAIL and RCPT differ in syntax. */
struct path_syntax {
    const char *command, *keyword, *usage, *dsn, *bad_address;
    bool may_be_null;
};

static const struct path_syntax mail_syntax = {
    "MAIL", "FROM:", "Syntax: MAIL FROM:<address>", "5.1.7", "Bad sender address syntax", true};
static const struct path_syntax rcpt_syntax = {
    "RCPT", "TO:", "Syntax: RCPT TO:<address>", "5.1.3", "Bad recipient address syntax", false};

/* Take path and parameters apart; false with the reply. The address lies in the arena. */
static bool parse_path(struct session *session, const struct path_syntax *syntax,
                       struct slice arguments, struct slice *address, struct slice *parameters,
                       struct smtp_reply *reply)
{
    enum address_strictness strictness =
        params.strict_rfc821_envelopes ? ADDRESS_STRICT : ADDRESS_LENIENT;
    struct slice path;

    switch (esmtp_split_path(arguments, syntax->keyword, &path, parameters)) {
    case PATH_OK:
        break;
    case PATH_MISSING:
        *reply = syntax_error(session, "5.5.4", syntax->usage);
        return false;
    case PATH_UNBALANCED:
        *reply = syntax_error(session, syntax->dsn, syntax->bad_address);
        return false;
    }
    if (!path_parse(path, strictness, &session->scratch, address) ||
        (address->len == 0 && !syntax->may_be_null)) {
        log_warning("Illegal address syntax from %s in %s command: %.*s",
                    session_client(session), syntax->command,
                    SLICE_ARG(slice_sub(path, 0, 1000)));
        *reply = syntax_error(session, syntax->dsn, syntax->bad_address);
        return false;
    }
    return true;
}

static struct smtp_reply parameter_reply(struct session *session,
                                         const struct esmtp_error *error)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply_printf(&session->scratch, error->code, error->dsn, "%s%.*s", error->text,
                             SLICE_ARG(error->detail));
}

/* strict_smtputf8: who sends such an address must have said so (RFC 6531 section 3.4). */
static bool needs_smtputf8(const struct mail_parameters *parameters, struct slice address)
{
    return params.smtputf8_enable && params.strict_smtputf8 && !parameters->is_smtputf8 &&
           !slice_is_ascii(address);
}

/* True when all is well, or when an old default says so. */
static bool may_be_8bit(struct session *session, const struct path_syntax *syntax,
                        const struct mail_parameters *parameters, struct slice address)
{
    if (needs_smtputf8(parameters, address))
        return false;
    if (!slice_is_ascii(address))
        old_defaults_note_8bit(session, syntax == &mail_syntax ? "sender" : "recipient",
                               address);
    return true;
}

/*
 * A domain beyond ASCII that SMTPUTF8 did not announce is no domain; in local parts people got
 * used to what lies in 8-bit mail.
 */
static bool has_odd_domain(struct session *session, const struct path_syntax *syntax,
                           bool is_smtputf8, struct slice address, struct smtp_reply *reply)
{
    if (is_smtputf8 || slice_is_ascii(address_domain(address)))
        return false;
    log_warning("Illegal address syntax from %s in %s command: <%.*s>", session_client(session),
                syntax->command, SLICE_ARG(slice_sub(address, 0, 1000)));
    *reply = syntax_error(session, syntax->dsn, syntax->bad_address);
    return true;
}

static struct smtp_reply must_declare_smtputf8(struct session *session)
{
    session->notices |= NOTICE_PROTOCOL;
    return smtp_reply(553, "5.6.7", "Must declare SMTPUTF8 to send unicode address");
}

/* XVERP: delimiters from verp_delimiter_filter, and there must be somebody to bounce to. */
static bool check_verp(const struct mail_parameters *parameters, struct slice sender,
                       struct session *session, struct smtp_reply *reply)
{
    struct slice verp = parameters->verp;

    if (!parameters->has_verp)
        return true;
    if (sender.len == 0) {
        *reply = smtp_reply(503, "5.5.4", "Error: XVERP requires non-null sender");
        return false;
    }
    if (verp.len && (verp.len != 2 || slice_skip_any(verp, params.verp_delimiter_filter) < 2)) {
        *reply = smtp_reply_printf(&session->scratch, 501, "5.5.4",
                                   "Error: XVERP needs two characters from %s",
                                   params.verp_delimiter_filter);
        return false;
    }
    return true;
}

static bool may_begin(struct session *session, struct smtp_reply *reply)
{
    if (params.smtpd_helo_required && session->helo.len == 0) {
        session->notices |= NOTICE_POLICY;
        *reply = smtp_reply(503, "5.5.1", "Error: send HELO/EHLO first");
        return false;
    }
    session->notices |= NOTICE_PROTOCOL;
    if (session->transaction) {
        *reply = smtp_reply(503, "5.5.1", "Error: nested MAIL command");
        return false;
    }
    if (session->after_bdat_error) {
        *reply = smtp_reply(503, "5.5.1", "Error: MAIL after BDAT");
        return false;
    }
    session->notices &= ~(unsigned)NOTICE_PROTOCOL;
    return true;
}

/* The transaction as MAIL began it; what is refused is taken back. */
static bool check_begun(struct session *session, struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;

    if (!space_allows_size(session, transaction->parameters.size_bytes, reply))
        return false;
    return params.smtpd_delay_reject || access_mail(session, reply);
}

static void begin(struct session *session, struct slice sender,
                  const struct mail_parameters *parameters)
{
    struct transaction *transaction = transaction_new();

    transaction->sender = arena_slice(&transaction->arena, sender);
    transaction->parameters = *parameters;
    transaction->parameters.envelope_id =
        arena_slice(&transaction->arena, parameters->envelope_id);
    transaction->parameters.verp = arena_slice(&transaction->arena, parameters->verp);
    transaction->parameters.auth = arena_slice(&transaction->arena, parameters->auth);
    /* Of a stranger it says nothing. */
    transaction->sasl_sender =
        session->sasl_username.len ? transaction->parameters.auth : SLICE_EMPTY;
    session->transaction = transaction;
    if (session->forwarded_has_source)
        transaction->rewrite_context =
            session->forwarded_is_local ? SLICE("local") : SLICE("remote");
    else
        transaction->rewrite_context = access_rewrite_context(session);
    if (proxy_is_used(session))
        proxy_mail(session);
}

static struct smtp_reply write_error(struct session *session, const struct error *error)
{
    log_warning("%s", error->text);
    session->notices |= NOTICE_SOFTWARE;
    return smtp_reply(451, "4.3.0", "Error: queue file write error");
}

/* MAIL FROM:<path> [parameters] */
struct smtp_reply mail_from(struct session *session, struct slice arguments)
{
    struct mail_parameters parameters;
    struct slice sender, rest;
    struct smtp_reply reply;
    struct esmtp_error error;
    struct error trouble;

    if (!may_begin(session, &reply) ||
        !parse_path(session, &mail_syntax, arguments, &sender, &rest, &reply) ||
        !limits_allow_message(session, &reply))
        return reply;
    error = mail_parameters_parse(rest, ehlo_allowed_parameters(session), &session->scratch,
                                  &parameters);
    if (error.code)
        return parameter_reply(session, &error);
    if (has_odd_domain(session, &mail_syntax, parameters.is_smtputf8, sender, &reply))
        return reply;
    if (!may_be_8bit(session, &mail_syntax, &parameters, sender))
        return must_declare_smtputf8(session);
    if (!check_verp(&parameters, sender, session, &reply) || !space_is_enough(session, &reply))
        return reply;
    begin(session, sender, &parameters);
    if (!check_begun(session, &reply)) {
        session_end_transaction(session);
        return reply;
    }
    if (!milter_mail(session, sender, rest, &reply)) {
        session_end_transaction(session);
        return reply;
    }
    if (!params.smtpd_delay_open_until_valid_rcpt && !session->transaction->proxy &&
        (transaction_open(session, &trouble) < 0 ||
         transaction_settle(session, &trouble) < 0)) {
        session_end_transaction(session);
        return write_error(session, &trouble);
    }
    return smtp_reply(250, "2.1.0", "Ok");
}

/* smtpd_recipient_limit; a few more are refused without counting as errors. */
static bool has_room(struct session *session, struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;
    unsigned limit = (unsigned)params.smtpd_recipient_limit;

    if (limit == 0 || transaction->n_recipients < limit)
        return true;
    session->notices |= NOTICE_POLICY;
    *reply = smtp_reply(452, "4.5.3", "Error: too many recipients");
    reply->is_forgiven =
        transaction->n_overshoot++ < (unsigned)params.smtpd_recipient_overshoot_limit;
    return false;
}

static struct smtp_reply accept_recipient(struct session *session, struct slice recipient,
                                          const struct rcpt_parameters *parameters)
{
    struct smtp_reply reply;
    struct error error;

    if (session->transaction->proxy) {
        if (!proxy_recipient(session, &reply))
            return reply;
        transaction_note_recipient(session->transaction, recipient);
    } else if (transaction_add_recipient(session, recipient, parameters, &error) < 0) {
        return write_error(session, &error);
    }
    return smtp_reply(250, "2.1.5", "Ok");
}

/* RCPT TO:<path> [parameters] */
struct smtp_reply rcpt_to(struct session *session, struct slice arguments)
{
    struct transaction *transaction = session->transaction;
    struct rcpt_parameters parameters;
    struct slice recipient, rest;
    struct smtp_reply reply;
    struct esmtp_error error;

    if (!transaction || transaction->in_bdat) {
        session->notices |= NOTICE_PROTOCOL;
        return smtp_reply(503, "5.5.1",
                          transaction ? "Error: RCPT after BDAT" : "Error: need MAIL command");
    }
    if (!parse_path(session, &rcpt_syntax, arguments, &recipient, &rest, &reply))
        return reply;
    error = rcpt_parameters_parse(rest, ehlo_allowed_parameters(session), &session->scratch,
                                  &parameters);
    if (error.code)
        return parameter_reply(session, &error);
    if (has_odd_domain(session, &rcpt_syntax, transaction->parameters.is_smtputf8, recipient,
                       &reply))
        return reply;
    if (!may_be_8bit(session, &rcpt_syntax, &transaction->parameters, recipient))
        return must_declare_smtputf8(session);
    if (!has_room(session, &reply) || !limits_allow_recipient(session, &reply))
        return reply;
    if (!session->is_standalone && !access_rcpt(session, recipient, &reply)) {
        milter_rcpt_refused(session, recipient, rest, &reply);
        return reply;
    }
    if (!milter_rcpt(session, recipient, rest, &reply))
        return reply;
    return accept_recipient(session, recipient, &parameters);
}
