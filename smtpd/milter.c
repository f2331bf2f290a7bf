/* Asking the filters about a session's events. */
#include "milter.h"

#include <sysexits.h>

#include "access.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "esmtp.h"
#include "mail/address.h"
#include "milter/hand_over.h"
#include "milter/settings.h"
#include "milter_filters.h"
#include "milter_macros.h"
#include "route/open_maps.h"
#include "session.h"
#include "settings.h"
#include "table/maps.h"
#include "transaction.h"

static struct milter_list smtpd_milters;
static struct maps *milter_maps;

void milter_settings_open(void)
{
    static struct arena arena; /* as long as the process */
    struct error error = ERROR_INIT;

    if (milter_settings_list(&smtpd_milters, slice_from(params.smtpd_milters), &arena, &error) <
        0)
        fatal(EX_CONFIG, "smtpd_milters: %s", error.text);
    milter_maps = open_maps(maps_open, "smtpd_milter_maps", params.smtpd_milter_maps);
}

/* A filter that can be nobody: mail must wait until somebody has looked at the set-up. */
static void set_broken(struct mail_filters *filters, const char *trouble)
{
    struct milter_config *config = arena_new(&filters->arena, struct milter_config);

    config->name = "smtpd_milter_maps";
    config->trouble = arena_text(&filters->arena, slice_from(trouble));
    filters->list = (struct milter_list){config, 1};
}

/* The list for this client: smtpd_milter_maps by its address, or smtpd_milters. */
static void choose_list(struct session *session, struct mail_filters *filters)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice text;
    struct error error;

    filters->list = smtpd_milters;
    if (maps_is_empty(milter_maps))
        return;
    switch (maps_find(milter_maps, session->peer.text.address, &value, &error)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_ERROR:
        set_broken(filters, error.text);
        return;
    case TABLE_FOUND:
        break;
    }
    text = arena_slice(&filters->arena, slice_trim(buf_slice(&value)));
    if (slice_equals_nocase(text, "DISABLE"))
        filters->list = (struct milter_list){0};
    else if (milter_settings_list(&filters->list, text, &filters->arena, &error) < 0)
        set_broken(filters, error.text);
}

/* "550-5.7.1 a CR LF 550 5.7.1 b": code and status are said once in our form. */
static struct smtp_reply smtp_reply_of(struct session *session, struct slice text)
{
    CLEANUP(buf_release) struct buf lines = BUF_INIT;
    struct smtp_reply reply = smtp_reply_parse(text);
    struct slice rest = text;
    size_t n_lines = 0, n_same = 0;

    for (struct slice all = text; all.len; n_lines++) {
        struct smtp_reply one = smtp_reply_parse(slice_split(&all, '\n'));

        n_same += strcmp(one.dsn, reply.dsn) == 0;
    }
    if (n_same < n_lines)
        reply.dsn[0] = '\0';
    while (rest.len) {
        struct slice line = slice_trim_right(slice_split(&rest, '\n'));

        if (lines.len)
            buf_add_char(&lines, '\n');
        buf_add_slice(&lines,
                      reply.dsn[0] ? smtp_reply_parse(line).text : slice_from_offset(line, 4));
    }
    reply.text = arena_slice(&session->scratch, buf_slice(&lines));
    return reply;
}

/* The recipient that log lines name. */
static struct slice logged_recipient(const struct session *session)
{
    const struct transaction *transaction = session->transaction;

    if (session->filters->recipient.ptr)
        return session->filters->recipient;
    return transaction && transaction->n_recipients ? transaction->recipient : SLICE_EMPTY;
}

static void log_decision(struct session *session, const char *what, struct slice text)
{
    struct slice recipient = logged_recipient(session);
    const char *copy = arena_text(&session->scratch, text);

    if (recipient.len)
        access_log_event_to(session, what, recipient, copy);
    else
        access_log_event(session, what, copy);
}

/* Log and do what they decided. False with the reply. */
static bool act(struct session *session, const struct milter_decision *decision,
                struct smtp_reply *reply)
{
    struct transaction *transaction = session->transaction;

    switch (decision->verdict) {
    case MILTER_GO_ON:
        return true;
    case MILTER_HOLD:
        log_decision(session, "milter-hold", SLICE("milter triggers HOLD action"));
        if (transaction)
            transaction->actions.hold = true;
        return true;
    case MILTER_DISCARD:
        log_decision(session, "milter-discard", SLICE("milter triggers DISCARD action"));
        if (transaction)
            transaction->actions.discard = true;
        return true;
    case MILTER_REFUSE:
    default:
        session->notices |= NOTICE_POLICY;
        log_decision(session, "milter-reject", decision->reply);
        *reply = smtp_reply_of(session, decision->reply);
        return false;
    }
}

/* As act, for commands after which the session may end. */
static bool act_and_leave(struct session *session, const struct milter_decision *decision,
                          struct smtp_reply *reply)
{
    if (act(session, decision, reply))
        return true;
    if (decision->hang_up)
        session->end = SESSION_CLOSING;
    return false;
}

/* What takes the place of the greeting. False: none does, MAIL will be told. */
static bool refuse_connection(struct session *session, struct slice refusal,
                              struct smtp_reply *reply)
{
    if (slice_starts_with(refusal, "421")) {
        *reply =
            smtp_reply_printf(&session->scratch, 421, "",
                              "%s Service unavailable - try again later", params.myhostname);
        return true;
    }
    if (refusal.ptr[0] != '5')
        return false;
    *reply = smtp_reply_printf(&session->scratch, 554, "", "%s ESMTP not accepting connections",
                               params.myhostname);
    return true;
}

/* What filters are told where nobody knows a name. */
static struct slice name_for_filters(struct session *session)
{
    char literal[ENDPOINT_TEXT_BYTES + 8];

    if (!slice_equals(session->peer.text.name, "unknown"))
        return session->peer.text.name;
    return slice_from(arena_printf(&session->scratch, "[%s]",
                                   endpoint_literal(&session->peer.endpoint, literal)));
}

bool milter_connect(struct session *session, struct smtp_reply *reply)
{
    const struct milter_client client = {name_for_filters(session), &session->peer.endpoint};
    struct mail_filters *filters;
    struct milter_decision decision;

    milter_disconnect(session);
    if (session->is_standalone || session->is_rehearsal ||
        (settings.overrides & OVERRIDE_NO_MILTERS))
        return true;
    session->filters = filters = mem_new(struct mail_filters);
    choose_list(session, filters);
    if (filters->list.count == 0) {
        milter_disconnect(session);
        return true;
    }
    milter_settings_macros(&filters->macros);
    filters->macros.value = milter_macro;
    filters->macros.context = session;
    milters_init(&filters->milters, &filters->list, &filters->macros);
    decision = milters_connect(&filters->milters, &client);
    if (act(session, &decision, reply))
        return true;
    return !refuse_connection(session, decision.reply, reply);
}

void milter_disconnect(struct session *session)
{
    struct mail_filters *filters = session->filters;

    if (!filters)
        return;
    milters_release(&filters->milters);
    arena_release(&filters->arena);
    arena_release(&filters->scratch);
    arena_release(&filters->loan);
    mem_free(filters);
    session->filters = NULL;
}

bool milter_helo(struct session *session, struct smtp_reply *reply)
{
    struct milter_decision decision;

    if (!session->filters)
        return true;
    decision = milters_helo(&session->filters->milters, buf_slice(&session->helo));
    return act(session, &decision, reply) || !slice_starts_with(decision.reply, "421");
}

bool milter_has_refused(const struct session *session)
{
    struct milter_decision decision;

    if (!session->filters)
        return false;
    decision = milters_other(&session->filters->milters);
    return decision.verdict == MILTER_REFUSE && slice_starts_with(decision.reply, "5");
}

/* "<address>" and the words behind it. */
static size_t make_words(struct session *session, struct slice address, struct slice arguments,
                         struct slice *words, size_t most)
{
    struct slice quoted = address_quoted(&session->scratch, address);
    size_t count = 0;

    words[count++] = slice_from(arena_printf(&session->scratch, "<%.*s>", SLICE_ARG(quoted)));
    while (count < most && esmtp_next_word(&arguments, &words[count]))
        count++;
    return count;
}

/* More ESMTP parameters nobody has. */
#define WORDS_MAX 32

bool milter_mail(struct session *session, struct slice sender, struct slice arguments,
                 struct smtp_reply *reply)
{
    struct slice words[WORDS_MAX];
    struct milter_decision decision;
    size_t count;

    if (!session->filters)
        return true;
    count = make_words(session, sender, arguments, words, WORDS_MAX);
    decision = milters_mail(&session->filters->milters, words, count);
    return act_and_leave(session, &decision, reply);
}

bool milter_rcpt(struct session *session, struct slice recipient, struct slice arguments,
                 struct smtp_reply *reply)
{
    struct mail_filters *filters = session->filters;
    struct slice words[WORDS_MAX];
    struct milter_decision decision;
    bool goes_on;

    if (!filters)
        return true;
    filters->recipient = recipient;
    decision = milters_rcpt(&filters->milters, words,
                            make_words(session, recipient, arguments, words, WORDS_MAX));
    goes_on = act_and_leave(session, &decision, reply);
    filters->recipient = (struct slice){NULL, 0};
    return goes_on;
}

void milter_rcpt_refused(struct session *session, struct slice recipient,
                         struct slice arguments, const struct smtp_reply *refusal)
{
    struct mail_filters *filters = session->filters;
    struct slice words[WORDS_MAX];

    if (!filters)
        return;
    filters->recipient = recipient;
    filters->refusal[0] = slice_from(arena_printf(&session->scratch, "%s", refusal->dsn));
    filters->refusal[1] = refusal->text;
    milters_rcpt_refused(&filters->milters, words,
                         make_words(session, recipient, arguments, words, WORDS_MAX));
    filters->recipient = filters->refusal[0] = filters->refusal[1] = (struct slice){NULL, 0};
}

bool milter_data(struct session *session, struct smtp_reply *reply)
{
    struct milter_decision decision;

    if (!session->filters)
        return true;
    decision = milters_data(&session->filters->milters);
    return act_and_leave(session, &decision, reply);
}

bool milter_unknown(struct session *session, struct slice line, struct smtp_reply *reply)
{
    struct milter_decision decision;

    if (!session->filters)
        return true;
    decision = milters_unknown(&session->filters->milters, line);
    return decision.verdict != MILTER_REFUSE || act_and_leave(session, &decision, reply);
}

bool milter_other(struct session *session, struct smtp_reply *reply)
{
    struct milter_decision decision;

    if (!session->filters)
        return true;
    decision = milters_other(&session->filters->milters);
    if (decision.verdict != MILTER_REFUSE)
        return true;
    *reply = smtp_reply_of(session, decision.reply);
    return false;
}

bool milter_security(struct session *session, struct smtp_reply *reply)
{
    if (milter_other(session, reply))
        return true;
    session->notices |= NOTICE_POLICY;
    if (reply->code < 500)
        *reply = smtp_reply(454, "4.3.0", "Try again later");
    return false;
}

void milter_abort(struct session *session)
{
    if (session->filters)
        milters_abort(&session->filters->milters);
}

bool milter_is_active(const struct session *session)
{
    return session->filters != NULL;
}

void milter_lend(struct session *session, struct cleanup_client *cleanup)
{
    struct mail_filters *filters = session->filters;
    size_t most = filters->milters.count;
    struct cleanup_milter *described = arena_array(&filters->loan, struct cleanup_milter, most);
    int *fds = arena_array(&filters->loan, int, most);
    size_t count = milters_describe(&filters->milters, &filters->loan, described, fds);

    cleanup_give_milters(cleanup, described, fds, count);
}

void milter_take_back(struct session *session, struct slice returned)
{
    if (!session->filters)
        return;
    milters_take_back(&session->filters->milters, returned);
    arena_release(&session->filters->loan);
}

struct smtp_reply milter_content_reply(struct session *session, struct slice reply)
{
    if (session->filters && milters_other(&session->filters->milters).hang_up)
        session->end = SESSION_CLOSING;
    return smtp_reply_of(session, reply);
}
