#include "transaction.h"

#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "body.h"
#include "conf/params.h"
#include "envelope.h"
#include "ipc/delivery_client.h"
#include "notice.h"
#include "options.h"
#include "pix.h"
#include "tls_options.h"
#include "xforward.h"

/* As many RCPT commands go out before their replies are read: more could fill both directions.
 */
enum { RCPT_WINDOW = 100 };

/* RFC 5321 section 3.8: the server says so before it closes the connection. */
enum { SERVER_CLOSES = 421 };

/* -- accounting
 * --------------------------------------------------------------------------------------- */

/* Take pending[i] out and close the gap. */
static struct recipient *take_pending(struct attempt *attempt, size_t i)
{
    struct recipient *taken = attempt->pending[i];

    attempt->n_pending--;
    memmove(&attempt->pending[i], &attempt->pending[i + 1],
            (attempt->n_pending - i) * sizeof(struct recipient *));
    return taken;
}

/* Account for pending[i]. */
static void settle(struct attempt *attempt, size_t i, const char *relay, const struct dsn *dsn)
{
    delivery_ended(attempt->delivery, take_pending(attempt, i), slice_from(relay), dsn);
}

/* Refused: for good, or for now with no other host left; else it stays pending. */
static bool refuse_recipient(struct attempt *attempt, size_t i, const char *relay,
                             const struct dsn *dsn)
{
    if (dsn->status[0] == '5' || attempt->is_final) {
        settle(attempt, i, relay, dsn);
        return true;
    }
    log_info("%.*s: %.*s", SLICE_ARG(attempt->delivery->request.queue_id),
             SLICE_ARG(dsn->reason));
    attempt->last = *dsn;
    attempt->last_relay = arena_text(&attempt->delivery->arena, slice_from(relay));
    return false;
}

void attempt_trouble(struct attempt *attempt, const char *relay, const struct dsn *dsn)
{
    attempt->last = *dsn;
    attempt->last_relay = arena_text(&attempt->delivery->arena, slice_from(relay));
    if (dsn->status[0] != '5' && !attempt->is_final) {
        log_info("%.*s: %.*s", SLICE_ARG(attempt->delivery->request.queue_id),
                 SLICE_ARG(dsn->reason));
        return;
    }
    while (attempt->n_pending > 0)
        settle(attempt, 0, relay, dsn);
}

/* Delivered as far as we are concerned. Where the peer knows DSN, the success notice is its
 * own. */
static void accept_recipient(struct attempt *attempt, size_t i, const struct session *session)
{
    struct arena *arena = &attempt->delivery->arena;
    bool is_final = options.is_final && !(session->features & FEATURE_DSN);
    struct dsn dsn = {.action = is_final ? "delivered" : "relayed",
                      .reason = arena_slice(arena, buf_slice(&session->reply)),
                      .mta_type = "dns",
                      .mta = buf_slice(&session->host),
                      .diagnostic_type = "smtp"};

    dsn.diagnostic = dsn.reason;
    memcpy(dsn.status, session->status, sizeof(dsn.status));
    if (session->features & FEATURE_DSN)
        attempt->pending[i]->notify &= ~NOTIFY_SUCCESS;
    settle(attempt, i, session->relay.data, &dsn);
}

/* -- the steps
 * --------------------------------------------------------------------------------------- */

struct transaction_state {
    struct session *session;
    struct attempt *attempt;
    size_t n_accepted; /* pending[0..n_accepted) were accepted by RCPT */
    bool quit_is_sent;
};

static bool is_pipelined(const struct session *session)
{
    return session->features & FEATURE_PIPELINING;
}

static enum transaction broke(struct transaction_state *state, const char *activity)
{
    struct dsn dsn;

    session_broke(state->session, activity, &state->attempt->delivery->arena, &dsn);
    if (state->session->tls.is_active && state->attempt->may_go_plain &&
        !state->session->is_logged_in) {
        log_info("%.*s: %.*s", SLICE_ARG(state->attempt->delivery->request.queue_id),
                 SLICE_ARG(dsn.reason));
        state->attempt->went_plain = true;
        return TRANSACTION_BROKEN;
    }
    if (state->attempt->is_final)
        delivery_destination_failed(state->attempt->delivery, &dsn);
    attempt_trouble(state->attempt, state->session->relay.data, &dsn);
    return TRANSACTION_BROKEN;
}

/* The recipients that were accepted so far meet this; the others have had their answer. */
static void accepted_trouble(struct transaction_state *state, const struct dsn *dsn)
{
    struct attempt *attempt = state->attempt;

    if (dsn->status[0] != '5' && !attempt->is_final) {
        attempt_trouble(attempt, state->session->relay.data, dsn); /* logs it */
        return;
    }
    for (; state->n_accepted > 0; state->n_accepted--)
        settle(attempt, 0, state->session->relay.data, dsn);
}

/* Refusals of the message that the peer's features foretell. */
static bool is_refused_beforehand(struct transaction_state *state)
{
    struct session *session = state->session;
    struct delivery *delivery = state->attempt->delivery;
    const char *status = "",
               *unprotected = requiretls_refusal(state->attempt->requiretls, session,
                                                 &delivery->arena, &status);
    struct dsn dsn;

    if (unprotected) {
        delivery_dsn(delivery, &dsn, status, "%s", unprotected);
        if (!state->attempt->is_final) /* another host may do better */
            dsn_set_class(dsn.status, '4');
    } else if (body_needs_smtputf8(delivery) && !(session->features & FEATURE_SMTPUTF8)) {
        delivery_dsn(delivery, &dsn, "5.6.7",
                     "SMTPUTF8 is required, but was not offered by host %s",
                     session->label.data);
    } else if (session->size_limit > 0 && delivery->request.data_size > session->size_limit) {
        delivery_dsn(delivery, &dsn, "5.3.4",
                     "message size %" PRId64 " exceeds size limit %" PRId64 " of server %s",
                     delivery->request.data_size, session->size_limit, session->label.data);
    } else {
        return false;
    }
    attempt_trouble(state->attempt, session->relay.data, &dsn);
    return true;
}

/* Nothing will be delivered, and the reply to this command is what was asked for. */
static bool is_trial_of(const struct attempt *attempt, enum trial_target command)
{
    return delivery_is_trial(attempt->delivery) && options.trial_target == command;
}

/* Read the replies to RCPT for pending[from..to); refused ones leave or move behind. */
static enum step read_rcpt_replies(struct transaction_state *state, size_t from, size_t *to)
{
    struct attempt *attempt = state->attempt;

    for (size_t i = from, left = *to - from; left > 0; left--) {
        struct dsn dsn;
        switch (session_reply(state->session, options.rcpt_timeout)) {
        case STEP_BROKEN:
            return STEP_BROKEN;
        case STEP_OK:
            if (is_trial_of(attempt, TRIAL_RCPT)) {
                accept_recipient(attempt, i, state->session);
                (*to)--;
            } else {
                i++;
            }
            continue;
        case STEP_REFUSED:
            break;
        }
        session_refused(state->session, "RCPT TO", &attempt->delivery->arena, &dsn);
        if (!refuse_recipient(attempt, i, state->session->relay.data, &dsn)) {
            /* Stays pending for another host: behind those of this transaction. */
            struct recipient *moved = take_pending(attempt, i);
            attempt->pending[attempt->n_pending++] = moved;
        }
        (*to)--;
        state->n_accepted = i;
    }
    state->n_accepted = *to;
    return STEP_OK;
}

/* Offer all pending recipients window by window; the accepted ones are in front afterwards. */
static enum step offer_recipients(struct transaction_state *state)
{
    struct attempt *attempt = state->attempt;
    size_t n_left = attempt->n_pending, end = 0;
    size_t window = is_pipelined(state->session) ? RCPT_WINDOW : 1;

    while (n_left > 0) {
        size_t from = end, n = n_left < window ? n_left : window;
        for (size_t i = 0; i < n; i++)
            envelope_send_rcpt(state->session, attempt, attempt->pending[from + i]);
        end = from + n;
        if (read_rcpt_replies(state, from, &end) != STEP_OK)
            return STEP_BROKEN;
        n_left -= n;
    }
    return STEP_OK;
}

/*
 * Leave a transaction that was begun and not finished: the server would take the next MAIL for
 * one inside of it. QUIT ends it as well; in front of that, RSET must not cost a round trip.
 */
static enum transaction reset(struct transaction_state *state, bool may_keep)
{
    struct session *session = state->session;

    if (may_keep || is_pipelined(session))
        session_command(session, "RSET");
    if (may_keep)
        return session_reply(session, options.rset_timeout) == STEP_OK ? TRANSACTION_DONE
                                                                       : TRANSACTION_BROKEN;
    session->n_unread += is_pipelined(session);
    return TRANSACTION_DONE;
}

/* Read the replies to what was pipelined behind a command that failed, and leave. */
static enum transaction drain(struct transaction_state *state, size_t n_rcpt, bool may_keep)
{
    struct session *session = state->session;

    for (size_t i = 0; i < n_rcpt; i++)
        if (session_reply(session, options.rcpt_timeout) == STEP_BROKEN)
            return TRANSACTION_BROKEN;
    switch (session_reply_or_more(session, options.data_init_timeout)) {
    case STEP_BROKEN:
        return TRANSACTION_BROKEN;
    case STEP_REFUSED:
        return session->code == SERVER_CLOSES ? TRANSACTION_BROKEN : reset(state, may_keep);
    case STEP_OK:
        break;
    }
    if (session->code / 100 != 3) /* what it takes for commands is not known any more */
        return TRANSACTION_BROKEN;
    /* It wants a message although it has no recipient: give it none (RFC 2920 section 3.1). */
    session_command(session, ".");
    return session_reply(session, options.data_done_timeout) == STEP_BROKEN ? TRANSACTION_BROKEN
                                                                            : TRANSACTION_DONE;
}

/* The final reply of the server: for all accepted recipients, of an LMTP server for each. */
static enum step read_verdicts(struct transaction_state *state)
{
    struct attempt *attempt = state->attempt;
    size_t n_replies = options.is_lmtp ? state->n_accepted : 1;
    size_t n_each = options.is_lmtp ? 1 : state->n_accepted, at = 0;

    for (; n_replies > 0; n_replies--) {
        struct dsn dsn = {0};
        enum step step = session_reply(state->session, options.data_done_timeout);
        if (step == STEP_BROKEN)
            return STEP_BROKEN;
        if (step == STEP_REFUSED)
            session_refused(state->session, "end of DATA", &attempt->delivery->arena, &dsn);
        for (size_t i = 0; i < n_each; i++) {
            if (step == STEP_OK)
                accept_recipient(attempt, at, state->session);
            else if (!refuse_recipient(attempt, at, state->session->relay.data, &dsn))
                at++;
            state->n_accepted--;
        }
    }
    return STEP_OK;
}

static enum transaction send_message(struct transaction_state *state, bool may_keep)
{
    struct session *session = state->session;
    struct error error;
    struct dsn dsn;

    switch (body_send(session, state->attempt->delivery, &error)) {
    case BODY_SENT:
        break;
    case BODY_BROKEN:
        return broke(state, "sending message body");
    case BODY_UNREADABLE:
        delivery_dsn(state->attempt->delivery, &dsn, "4.3.0", "queue file read error: %s",
                     error.text);
        accepted_trouble(state, &dsn);
        return TRANSACTION_BROKEN; /* closing is what makes the server forget the rest */
    case BODY_UNCHECKED:
        session_data_trouble(session, &state->attempt->delivery->arena, &dsn);
        accepted_trouble(state, &dsn);
        return TRANSACTION_BROKEN;
    }
    pix_pause(session);
    session_command(session, ".");
    state->quit_is_sent = !may_keep && is_pipelined(session);
    if (state->quit_is_sent)
        session_command(session, "QUIT");
    if (read_verdicts(state) == STEP_BROKEN)
        return broke(state, "sending end of data -- message may be sent more than once");
    return state->quit_is_sent ? TRANSACTION_QUIT : TRANSACTION_DONE;
}

/* 2xx to DATA: what we sent would be taken for commands, and their replies for its own. */
static enum transaction no_invitation(struct transaction_state *state)
{
    struct delivery *delivery = state->attempt->delivery;
    struct dsn dsn;

    session_refused(state->session, "DATA", &delivery->arena, &dsn);
    memcpy(dsn.status, "5.5.0", sizeof("5.5.0"));
    dsn.reason = slice_from(
        arena_printf(&delivery->arena, "Protocol error: %.*s", SLICE_ARG(dsn.reason)));
    accepted_trouble(state, &dsn);
    return TRANSACTION_BROKEN; /* nobody knows what it waits for */
}

static enum transaction send_data(struct transaction_state *state, bool is_sent, bool may_keep)
{
    struct dsn dsn;

    if (!is_sent)
        session_command(state->session, "DATA");
    switch (session_reply_or_more(state->session, options.data_init_timeout)) {
    case STEP_BROKEN:
        return broke(state, "sending DATA command");
    case STEP_REFUSED:
        session_refused(state->session, "DATA", &state->attempt->delivery->arena, &dsn);
        accepted_trouble(state, &dsn);
        return reset(state, may_keep);
    case STEP_OK:
        break;
    }
    if (state->session->code / 100 != 3)
        return no_invitation(state);
    if (!is_trial_of(state->attempt, TRIAL_DATA))
        return send_message(state, may_keep);
    for (; state->n_accepted > 0; state->n_accepted--)
        accept_recipient(state->attempt, 0, state->session);
    return TRANSACTION_BROKEN; /* closing is what takes DATA back */
}

/* MAIL was refused: so is every recipient. */
static enum transaction mail_refused(struct transaction_state *state, size_t n_pipelined,
                                     bool may_keep)
{
    struct dsn dsn;

    session_refused(state->session, "MAIL FROM", &state->attempt->delivery->arena, &dsn);
    if (state->session->code == SERVER_CLOSES && state->session->n_transactions > 1) {
        /* Enough on this connection; of the next one that says nothing. */
        log_info("%.*s: %.*s", SLICE_ARG(state->attempt->delivery->request.queue_id),
                 SLICE_ARG(dsn.reason));
        return TRANSACTION_STALE;
    }
    attempt_trouble(state->attempt, state->session->relay.data, &dsn);
    if (n_pipelined > 0)
        return drain(state, n_pipelined, may_keep);
    return state->session->code == SERVER_CLOSES ? TRANSACTION_BROKEN : reset(state, may_keep);
}

/*
 * Somebody in between may have put commands in front of ours into the TLS session
 * (CVE-2009-3555): then an answer is there before we have asked.
 */
static bool answers_early(struct session *session)
{
    return options.blocks_early_reply && session->tls.is_active &&
           stream_has_input(&session->stream);
}

/* That answer was taken for the one to MAIL. */
static enum transaction early_reply(struct transaction_state *state)
{
    struct session *session = state->session;
    struct dsn dsn;

    log_warning("server %s violates %s policy", session->label.data,
                tls_option_name("tls_block_early_mail_reply"));
    delivery_dsn(state->attempt->delivery, &dsn, "4.7.0", "unexpected server message");
    attempt_trouble(state->attempt, session->relay.data, &dsn);
    return TRANSACTION_BROKEN;
}

/* A kept connection that is dead is found out with the first command. */
static enum transaction first_command_broke(struct transaction_state *state,
                                            const char *activity)
{
    struct session *session = state->session;

    if (session->n_transactions > 1 && session->stream.state != STREAM_TIMEOUT)
        return TRANSACTION_STALE;
    return broke(state, activity);
}

static enum transaction run(struct session *session, struct attempt *attempt, bool may_keep)
{
    const char *activity = "";
    struct transaction_state state = {.session = session, .attempt = attempt};
    size_t n_rcpt = attempt->n_pending;
    bool together =
        is_pipelined(session) && n_rcpt <= RCPT_WINDOW && !delivery_is_trial(attempt->delivery);

    session->n_transactions++;
    if (is_refused_beforehand(&state))
        return TRANSACTION_DONE;
    if (xforward_send(session, attempt->delivery, &activity) == STEP_BROKEN)
        return first_command_broke(&state, activity);
    bool is_early = answers_early(session);
    envelope_send_mail(session, attempt);
    for (size_t i = 0; together && i < n_rcpt; i++)
        envelope_send_rcpt(session, attempt, attempt->pending[i]);
    if (together)
        session_command(session, "DATA");

    switch (session_reply(session, options.mail_timeout)) {
    case STEP_BROKEN:
        return first_command_broke(&state, "sending MAIL FROM");
    case STEP_REFUSED:
        return mail_refused(&state, together ? n_rcpt : 0, may_keep);
    case STEP_OK:
        break;
    }
    if (is_early)
        return early_reply(&state);
    size_t end = n_rcpt;
    enum step step = together ? read_rcpt_replies(&state, 0, &end) : offer_recipients(&state);
    if (step == STEP_BROKEN)
        return broke(&state, "sending RCPT TO");
    if (state.n_accepted == 0)
        return together ? drain(&state, 0, may_keep) : reset(&state, may_keep);
    return send_data(&state, together, may_keep);
}

enum transaction transaction_run(struct session *session, struct attempt *attempt,
                                 bool may_keep)
{
    session->queue_id = attempt->delivery->request.queue_id;
    notice_set_sender(session, attempt->delivery->request.sender);
    enum transaction result = run(session, attempt, may_keep);

    session->queue_id = SLICE_EMPTY;
    return result == TRANSACTION_DONE && session->code == SERVER_CLOSES ? TRANSACTION_BROKEN
                                                                        : result;
}
