/* Asking the filters. */
#include "milter.h"

#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "checks.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "edit.h"
#include "mail/dsn.h"
#include "milter/hand_over.h"
#include "milter/settings.h"
#include "net/socket.h"

static struct milter_list non_smtpd; /* non_smtpd_milters */

void milter_settings_open(void)
{
    static struct arena arena; /* as long as the process */
    struct error error;

    if (milter_settings_list(&non_smtpd, slice_from(params.non_smtpd_milters), &arena, &error) <
        0)
        fatal(EX_CONFIG, "non_smtpd_milters: %s", error.text);
    if (non_smtpd.count && dns_open(&error) < 0)
        fatal(EX_UNAVAILABLE, "%s", error.text);
}

/* Macros of the made-up session; the client is this host. */
static const char *macro(void *context, struct slice name)
{
    struct transaction *transaction = context;

    const struct {
        const char *name, *value;
    } fixed[] = {
        {"i", transaction->file.id},
        {"j", params.myhostname},
        {"v", params.milter_macro_v},
        {"_", "localhost [127.0.0.1]"},
        {"client_addr", "127.0.0.1"},
        {"client_name", "localhost"},
        {"client_port", "0"},
        {"client_ptr", "localhost"},
        {"daemon_name", params.milter_macro_daemon_name},
        {"daemon_addr", "127.0.0.1"},
        {"daemon_port", "0"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
        if (slice_equals(name, fixed[i].name))
            return fixed[i].value;
    }
    arena_reset(&transaction->macro_arena);
    if (slice_equals(name, "mail_addr") && transaction->has_sender)
        return arena_text(&transaction->macro_arena, transaction->sender);
    if (slice_equals(name, "rcpt_addr") && transaction->last_recipient.len)
        return arena_text(&transaction->macro_arena, transaction->last_recipient);
    return NULL;
}

static bool follows(const struct transaction *transaction)
{
    return transaction->flags & CLEANUP_MILTERS_FOLLOW;
}

void milter_begin(struct transaction *transaction)
{
    bool makes_up = (transaction->flags & CLEANUP_MILTER) && non_smtpd.count;

    transaction->has_milters = follows(transaction) || makes_up;
    if (follows(transaction) || !makes_up)
        return;
    milter_settings_macros(&transaction->macros);
    transaction->macros.value = macro;
    transaction->macros.context = transaction;
    milters_init(&transaction->milters, &non_smtpd, &transaction->macros);
}

static void log_action(const struct transaction *transaction, const char *action,
                       const char *event, struct slice text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct slice name = transaction->client_name, address = transaction->client_address;

    buf_printf(&line, "%s: %s: %s from %.*s[%.*s]: %.*s;", transaction->file.id, action, event,
               SLICE_ARG(name.len ? name : SLICE("localhost")),
               SLICE_ARG(address.len ? address : SLICE("127.0.0.1")), SLICE_ARG(text));
    check_add_context(transaction, &line);
    log_info("%s", line.data);
}

/* "550 5.7.1 text": for the client, or for the bounce. */
static void refuse(struct transaction *transaction, struct slice reply)
{
    struct slice reason = slice_from_offset(reply, 4);
    bool is_permanent = reply.ptr[0] == '5';
    char status[DSN_STATUS_BYTES] = "4.7.1";

    if (!dsn_status_parse(reason, status, &reason))
        dsn_set_class(status, is_permanent ? '5' : '4');
    transaction->smtp_reply = arena_slice(&transaction->arena, reply);
    transaction_fail_because(transaction,
                             is_permanent ? CLEANUP_STATUS_CONTENT : CLEANUP_STATUS_SERVICE,
                             slice_from(status), slice_trim(reason));
}

/* Do what they decided. False when nobody needs to be asked any more. */
static bool act(struct transaction *transaction, const char *event,
                const struct milter_decision *decision)
{
    switch (decision->verdict) {
    case MILTER_GO_ON:
        return true;
    case MILTER_HOLD:
        if (!(transaction->flags & CLEANUP_HOLD))
            log_action(transaction, "milter-hold", event, SLICE("milter triggers HOLD action"));
        transaction->flags |= CLEANUP_HOLD;
        return true;
    case MILTER_DISCARD:
        log_action(transaction, "milter-discard", event,
                   SLICE("milter triggers DISCARD action"));
        transaction->flags |= CLEANUP_DISCARD;
        return false;
    case MILTER_REFUSE:
    default:
        log_action(transaction, "milter-reject", event, slice_from_offset(decision->reply, 4));
        refuse(transaction, decision->reply);
        return false;
    }
}

/* Are the filters told of a session that never was? */
static bool is_made_up(const struct transaction *transaction)
{
    return transaction->has_milters && !follows(transaction) &&
           transaction->status == CLEANUP_STATUS_OK && !(transaction->flags & CLEANUP_DISCARD);
}

void milter_sender(struct transaction *transaction)
{
    struct milters *milters = &transaction->milters;
    struct milter_decision decision;
    struct endpoint endpoint;

    if (!is_made_up(transaction))
        return;
    bug_if(endpoint_parse(&endpoint, SLICE("127.0.0.1"), 0) < 0);
    decision = milters_connect(milters, &(struct milter_client){SLICE("localhost"), &endpoint});
    if (!act(transaction, "CONNECT", &decision))
        return;
    decision = milters_helo(milters, SLICE("localhost"));
    if (!act(transaction, "EHLO", &decision))
        return;
    decision = milters_mail(milters, &transaction->sender, 1);
    (void)act(transaction, "MAIL", &decision);
}

void milter_recipient(struct transaction *transaction, struct slice address)
{
    struct milter_decision decision;

    if (!is_made_up(transaction))
        return;
    decision = milters_rcpt(&transaction->milters, &address, 1);
    if (act(transaction, "RCPT", &decision) || decision.verdict != MILTER_REFUSE)
        return;
    /* One of many cannot be refused here, and the others must not be lost. */
    log_warning("%s: milter configuration error: can't reject recipient in non-smtpd(8) "
                "submission",
                transaction->file.id);
    log_warning("%s: message not accepted, try again later", transaction->file.id);
    transaction_fail(transaction, CLEANUP_STATUS_SERVICE);
}

static void copy_texts(struct cleanup_milter *described, struct arena *arena)
{
    described->name = arena_slice(arena, described->name);
    described->default_action_text = arena_slice(arena, described->default_action_text);
    described->header_macros = arena_slice(arena, described->header_macros);
    described->body_macros = arena_slice(arena, described->body_macros);
}

static int receive_descriptors(struct channel *channel, int *fds, size_t count,
                               struct error *error)
{
    struct cleanup_milters_wanted wanted;

    if (channel_send(channel, MESSAGE_cleanup_milters_wanted, &wanted, error) < 0 ||
        channel_flush(channel, error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        char byte;
        ssize_t received = socket_receive_fd(channel->stream.fd, &fds[i], &byte, 1,
                                             channel->stream.deadline, error);

        if (received == 1 && fds[i] >= 0)
            continue;
        while (i > 0)
            (void)close(fds[--i]);
        return received < 0 ? -1
                            : error_set(error, ERROR_TEMPORARY, "milter descriptor is missing");
    }
    return 0;
}

int milter_receive(struct transaction *transaction, struct channel *channel,
                   struct error *error)
{
    struct arena *arena = &transaction->arena;
    struct cleanup_milters head;
    struct cleanup_milter *described;
    int *fds;

    if (!follows(transaction))
        return 0;
    stream_set_deadline(&channel->stream, deadline_in(params.ipc_timeout));
    if (channel_expect(channel, MESSAGE_cleanup_milters, &head, error) < 0)
        return -1;
    if (head.count < 0 || head.count > MILTERS_MAX)
        return error_set(error, ERROR_TEMPORARY, "bad number of milters");
    described = arena_array(arena, struct cleanup_milter, (size_t)head.count + 1);
    fds = arena_array(arena, int, (size_t)head.count + 1);
    for (int64_t i = 0; i < head.count; i++) {
        if (channel_expect(channel, MESSAGE_cleanup_milter, &described[i], error) < 0)
            return -1;
        copy_texts(&described[i], arena);
    }
    if (head.count && receive_descriptors(channel, fds, (size_t)head.count, error) < 0)
        return -1;
    milters_receive(&transaction->milters, described, fds, (size_t)head.count);
    return 0;
}

/* The message is written; what they change comes behind it. */
static void show(struct transaction *transaction)
{
    CLEANUP(edit_release) struct edit edit;
    struct milter_message message = edit_functions;
    struct milter_decision decision;

    transaction->filter = transaction->redirect = SLICE_EMPTY; /* those are written, too */
    if (edit_begin(&edit, transaction) < 0)
        return;
    message.context = &edit;
    decision = milters_message(&transaction->milters, &message);
    if (transaction->status != CLEANUP_STATUS_OK) /* a check, or the disk */
        return;
    if (decision.verdict == MILTER_GO_ON && transaction->is_quarantined)
        decision.verdict = MILTER_HOLD;
    if (act(transaction, "END-OF-MESSAGE", &decision))
        edit_apply(&edit);
}

static void give_back(struct transaction *transaction)
{
    CLEANUP(buf_release) struct buf returned = BUF_INIT;

    milters_return(&transaction->milters, &returned);
    transaction->returned_milters = arena_slice(&transaction->arena, buf_slice(&returned));
}

void milter_inspect(struct transaction *transaction)
{
    struct milter_decision decision;

    if (is_made_up(transaction)) {
        decision = milters_data(&transaction->milters);
        (void)act(transaction, "DATA", &decision);
    }
    if (transaction->has_milters && transaction->milters.count &&
        transaction->status == CLEANUP_STATUS_OK && !(transaction->flags & CLEANUP_DISCARD))
        show(transaction);
    if (follows(transaction))
        give_back(transaction);
    milters_release(&transaction->milters);
}
