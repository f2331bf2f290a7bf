/* A transaction's life, and the envelope records that cleanup gets. */
#include "transaction.h"

#include <stdarg.h>

#include "access.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/record.h"
#include "milter.h"
#include "received.h"
#include "session.h"
#include "settings.h"

static void put_content(void *arg, char type, struct slice data)
{
    transaction_put(arg, type, data);
}

struct transaction *transaction_new(void)
{
    static unsigned n_instances;
    struct transaction *transaction = mem_new(struct transaction);

    transaction->instance = n_instances++;
    arena_init(&transaction->arena);
    buf_init(&transaction->recipients);
    buf_init(&transaction->actions.prepended);
    buf_init(&transaction->deferred);
    transaction->arrival_time = time_wall();
    content_init(&transaction->content, put_content, transaction,
                 (size_t)params.line_length_limit, params.message_size_limit);
    return transaction;
}

void transaction_free(struct transaction *transaction)
{
    if (!transaction)
        return;
    if (transaction->has_destination && transaction->is_dropped)
        postdrop_release(&transaction->postdrop);
    else if (transaction->has_destination)
        cleanup_client_release(&transaction->cleanup);
    proxy_free(transaction->proxy);
    policy_release(&transaction->policy);
    content_release(&transaction->content);
    buf_release(&transaction->recipients);
    buf_release(&transaction->actions.prepended);
    buf_release(&transaction->deferred);
    arena_release(&transaction->arena);
    mem_free(transaction);
}

const char *transaction_queue_id(const struct transaction *transaction)
{
    if (!transaction || !transaction->has_envelope || transaction->proxy)
        return NULL;
    if (transaction->is_dropped)
        return transaction->postdrop.queue_id;
    return transaction->cleanup.has_queue_id ? transaction->cleanup.queue_id : NULL;
}

void transaction_put(struct transaction *transaction, char type, struct slice data)
{
    if (transaction->proxy)
        proxy_put(transaction->proxy, type, data);
    else if (transaction->is_dropped)
        postdrop_put(&transaction->postdrop, type, data);
    else
        cleanup_put(&transaction->cleanup, type, data);
}

void transaction_put_with_id(struct transaction *transaction, char type, struct slice before,
                             struct slice after)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (!transaction->is_dropped) {
        cleanup_put_with_id(&transaction->cleanup, type, before, after);
        return;
    }
    buf_add_slice(&text, before);
    buf_add_text(&text, transaction->postdrop.queue_id);
    buf_add_slice(&text, after);
    transaction_put(transaction, type, buf_slice(&text));
}

PRINTF_LIKE(3, 4)

static void put_printf(struct transaction *transaction, char type, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    transaction_put(transaction, type, buf_slice(&text));
}

static unsigned cleanup_flags(const struct session *session)
{
    const struct transaction *transaction = session->transaction;
    unsigned flags = CLEANUP_SMTP_REPLY | CLEANUP_REWRITE | cleanup_smtputf8_flag("smtpd");

    if (!(settings.overrides & OVERRIDE_NO_HEADER_BODY_CHECKS))
        flags |= CLEANUP_FILTER;
    if (!(settings.overrides & OVERRIDE_NO_ADDRESS_MAPPINGS))
        flags |= CLEANUP_BCC | CLEANUP_MAP;
    if (!(settings.overrides & OVERRIDE_NO_MILTERS))
        flags |= CLEANUP_MILTER;
    if (milter_is_active(session))
        flags |= CLEANUP_MILTERS_FOLLOW;
    if (transaction->actions.hold)
        flags |= CLEANUP_HOLD;
    if (transaction->actions.discard)
        flags |= CLEANUP_DISCARD;
    return flags;
}

int transaction_open(struct session *session, struct error *error)
{
    struct transaction *transaction = session->transaction;
    const struct mail_parameters *parameters = &transaction->parameters;
    int send_options = (parameters->is_smtputf8 ? SEND_SMTPUTF8_REQUESTED : 0) |
                       (parameters->is_requiretls ? SEND_REQUIRETLS : 0);

    if (session->is_rehearsal)
        return 0;
    transaction->is_dropped = session->is_standalone;
    if (transaction->is_dropped) {
        if (postdrop_open(&transaction->postdrop, error) < 0)
            return -1;
        transaction->has_destination = true;
        return 0;
    }
    transaction->cleanup_flags = cleanup_flags(session);
    cleanup_open(&transaction->cleanup, settings.cleanup_service, transaction->cleanup_flags,
                 send_options, DEADLINE_NONE);
    transaction->has_destination = true;
    return 0;
}

void transaction_note_recipient(struct transaction *transaction, struct slice recipient)
{
    if (transaction->n_recipients++ == 0)
        transaction->recipient = arena_slice(&transaction->arena, recipient);
}

/* notify_flags and dsn_orig_rcpt belong to the R record that follows them. */
int transaction_add_recipient(struct session *session, struct slice recipient,
                              const struct rcpt_parameters *parameters, struct error *error)
{
    struct transaction *transaction = session->transaction;
    struct buf *records = &transaction->recipients;

    if (!transaction->has_destination && transaction_open(session, error) < 0)
        return -1;
    if (parameters->notify)
        record_printf(records, RECORD_ATTRIBUTE, "notify_flags=%d", parameters->notify);
    if (parameters->dsn_original.len)
        record_attribute(records, "dsn_orig_rcpt", parameters->dsn_original);
    else {
        struct slice quoted = address_quoted(&session->scratch, recipient);

        record_printf(records, RECORD_ATTRIBUTE, "dsn_orig_rcpt=%s;%.*s",
                      slice_is_ascii(quoted) ? "rfc822" : "utf-8", SLICE_ARG(quoted));
    }
    if (!session->is_standalone) /* postdrop takes none from users */
        record_append(records, RECORD_ORIGINAL_RECIPIENT, recipient);
    record_append(records, RECORD_RECIPIENT, recipient);
    transaction_note_recipient(transaction, recipient);
    return 0;
}

static void put_attribute(struct transaction *transaction, const char *name, struct slice value)
{
    if (value.len == 0)
        return;
    if (transaction->proxy || transaction->is_dropped)
        put_printf(transaction, RECORD_ATTRIBUTE, "%s=%.*s", name, SLICE_ARG(value));
    else
        cleanup_put_attribute(&transaction->cleanup, name, value);
}

/* Who is to be blamed in log lines and told to the next hop. */
static void put_logged_client(struct transaction *transaction, struct session *session)
{
    struct slice helo = buf_slice(&session->helo);
    const struct client_attributes *peer = &session->peer.text;
    const struct client_attributes *forwarded = &session->forwarded;
    bool is_forwarded = session->has_forwarded;
    struct slice address = is_forwarded ? forwarded->address : peer->address;
    struct slice name = is_forwarded ? forwarded->name : peer->name;

    put_attribute(transaction, "log_client_name", name);
    put_attribute(transaction, "log_client_address", address);
    put_attribute(transaction, "log_client_port", is_forwarded ? forwarded->port : peer->port);
    put_printf(transaction, RECORD_ATTRIBUTE, "log_message_origin=%.*s[%.*s]", SLICE_ARG(name),
               SLICE_ARG(address));
    put_attribute(transaction, "log_helo_name", is_forwarded ? forwarded->helo : helo);
    put_attribute(transaction, "log_protocol_name",
                  is_forwarded ? forwarded->protocol : slice_from(session->protocol));
}

static void put_real_client(struct transaction *transaction, const struct session *session)
{
    const struct peer *peer = &session->peer;

    put_attribute(transaction, "client_name", peer->text.name);
    put_attribute(transaction, "reverse_client_name", peer->text.reverse_name);
    put_attribute(transaction, "client_address", peer->text.address);
    put_attribute(transaction, "client_port", peer->text.port);
    put_attribute(transaction, "server_address", peer->server_address);
    put_attribute(transaction, "server_port", peer->server_port);
    put_attribute(transaction, "helo_name", buf_slice(&session->helo));
    put_attribute(transaction, "protocol_name", slice_from(session->protocol));
    put_printf(transaction, RECORD_ATTRIBUTE, "client_address_type=%d",
               peer->endpoint.len ? endpoint_family(&peer->endpoint) : AF_UNSPEC);
}

static void put_sender(struct transaction *transaction)
{
    const struct mail_parameters *parameters = &transaction->parameters;

    put_attribute(transaction, "envelope_id", parameters->envelope_id);
    if (parameters->ret)
        put_printf(transaction, RECORD_ATTRIBUTE, "ret_flags=%d", parameters->ret);
    transaction_put(transaction, RECORD_SENDER, transaction->sender);
    if (parameters->body != MAIL_BODY_UNKNOWN)
        put_attribute(transaction, "encoding",
                      parameters->body == MAIL_BODY_8BIT ? SLICE("8bit") : SLICE("7bit"));
}

/* Queue format, section 5: the order is that of Postfix. */
static void put_envelope(struct session *session)
{
    struct transaction *transaction = session->transaction;

    put_printf(transaction, RECORD_TIME, "%ld %ld", (long)transaction->arrival_time.tv_sec,
               (long)transaction->arrival_time.tv_usec);
    if (*params.content_filter)
        transaction_put(transaction, RECORD_FILTER, slice_from(params.content_filter));
    if (session->forwarded_ident.len)
        put_attribute(transaction, "log_ident", session->forwarded_ident);
    else
        transaction_put_with_id(transaction, RECORD_ATTRIBUTE, SLICE("log_ident="),
                                SLICE_EMPTY);
    put_attribute(transaction, "rewrite_context", transaction->rewrite_context);
    put_attribute(transaction, "sasl_method", session->sasl_method);
    put_attribute(transaction, "sasl_username", session->sasl_username);
    put_attribute(transaction, "sasl_sender", transaction->sasl_sender);
    put_sender(transaction);
    put_logged_client(transaction, session);
    put_real_client(transaction, session);
}

/* postdrop believes users no more than it must: it adds time, and knows who they are. */
static void put_dropped_envelope(struct transaction *transaction)
{
    put_attribute(transaction, "rewrite_context", SLICE("local"));
    put_sender(transaction);
}

static void put_verp(struct transaction *transaction)
{
    const struct mail_parameters *parameters = &transaction->parameters;

    if (parameters->has_verp)
        transaction_put(transaction, RECORD_VERP,
                        parameters->verp.len ? parameters->verp
                                             : slice_from(params.default_verp_delimiters));
}

static void log_client(struct session *session)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    const struct client_attributes *forwarded = &session->forwarded;
    struct transaction *transaction = session->transaction;

    buf_printf(&line, "client=%s", session_client(session));
    if (session->sasl_username.len)
        buf_printf(&line, ", sasl_method=%.*s, sasl_username=%.*s",
                   SLICE_ARG(session->sasl_method), SLICE_ARG(session->sasl_username));
    if (transaction->sasl_sender.len)
        buf_printf(&line, ", sasl_sender=%.*s", SLICE_ARG(transaction->sasl_sender));
    if (session->forwarded_ident.len)
        buf_printf(&line, ", orig_queue_id=%.*s", SLICE_ARG(session->forwarded_ident));
    if (session->has_forwarded) {
        buf_printf(&line, ", orig_client=%.*s", SLICE_ARG(forwarded->name));
        if (!slice_equals(forwarded->address, "unknown"))
            buf_printf(&line, "[%.*s]", SLICE_ARG(forwarded->address));
    }
    if (transaction->proxy)
        log_info("NOQUEUE: %s", line.data);
    else if (transaction->is_dropped)
        log_info("%s: %s", transaction->postdrop.queue_id, line.data);
    else
        cleanup_log(&transaction->cleanup, buf_slice(&line));
}

void transaction_log_client(struct session *session)
{
    if (!session->transaction->has_envelope)
        log_client(session);
    session->transaction->has_envelope = true;
}

static void put_recipients(struct transaction *transaction)
{
    struct slice rest = buf_slice(&transaction->recipients);
    struct slice data;
    ssize_t used;
    char type;

    while ((used = record_decode(rest, &type, &data)) > 0) {
        transaction_put(transaction, type, data);
        rest = slice_from_offset(rest, (size_t)used);
    }
    buf_reset(&transaction->recipients);
}

void transaction_prepare(struct session *session)
{
    struct transaction *transaction = session->transaction;

    if (!transaction || !transaction->has_destination)
        return;
    if (!transaction->has_envelope) {
        transaction->has_envelope = true;
        log_client(session);
        if (transaction->is_dropped)
            put_dropped_envelope(transaction);
        else
            put_envelope(session);
        put_verp(transaction);
    }
    put_recipients(transaction);
}

int transaction_settle(struct session *session, struct error *error)
{
    struct transaction *transaction = session->transaction;

    if (!transaction || !transaction->has_destination)
        return 0;
    transaction_prepare(session);
    if (transaction->is_dropped)
        return 0;
    return cleanup_id(&transaction->cleanup, error) ? 0 : -1;
}

static void put_prepended(struct transaction *transaction)
{
    struct slice rest = buf_slice(&transaction->actions.prepended);

    while (rest.len)
        transaction_put(transaction, RECORD_LINE, slice_split(&rest, '\n'));
}

/* A filter behind us that knows no REQUIRETLS brings the header back with the message. */
static void put_requiretls(struct transaction *transaction)
{
    if (transaction->parameters.is_requiretls && params.requiretls_esmtp_header)
        transaction_put(transaction, RECORD_LINE, SLICE("Require-TLS-ESMTP: yes"));
}

/* Flags may have come up after cleanup was told. */
static void put_flags(struct session *session)
{
    struct transaction *transaction = session->transaction;
    unsigned flags = cleanup_flags(session);

    if (flags == transaction->cleanup_flags)
        return;
    transaction->cleanup_flags = flags;
    put_printf(transaction, RECORD_FLAGS, "%u", flags);
}

void transaction_begin_content(struct session *session)
{
    struct transaction *transaction = session->transaction;

    if (!transaction->proxy && !transaction->is_dropped)
        put_flags(session);
    transaction_put(transaction, RECORD_MESSAGE, SLICE_EMPTY);
    put_prepended(transaction);
    /* On the way from one filter to the next Postfix adds no trace either. */
    if (!transaction->proxy || !session->has_forwarded)
        received_put(session);
    put_requiretls(transaction);
}

/* What access tables ordered. */
static void put_actions(struct session *session)
{
    struct transaction *transaction = session->transaction;
    struct message_actions *actions = &transaction->actions;

    put_flags(session);
    if (actions->filter.len)
        transaction_put(transaction, RECORD_FILTER, actions->filter);
    if (actions->redirect.len)
        transaction_put(transaction, RECORD_REDIRECT, actions->redirect);
    if (actions->bcc.len) {
        put_printf(transaction, RECORD_ATTRIBUTE, "notify_flags=%d", NOTIFY_NEVER);
        transaction_put(transaction, RECORD_RECIPIENT, actions->bcc);
    }
}

static int finish_dropped(struct session *session, struct cleanup_result_texts *result,
                          struct error *error)
{
    CLEANUP(buf_release) struct buf reason = BUF_INIT;

    *result = (struct cleanup_result_texts){.status = CLEANUP_STATUS_OK};
    if (postdrop_finish(&session->transaction->postdrop, &result->status, &reason, error) < 0)
        return -1;
    result->reason = arena_slice(&session->scratch, buf_slice(&reason));
    return 0;
}

int transaction_finish(struct session *session, struct cleanup_result_texts *result,
                       struct error *error)
{
    struct transaction *transaction = session->transaction;
    int status;

    transaction_put(transaction, RECORD_EXTRACTED, SLICE_EMPTY);
    if (!transaction->is_dropped)
        put_actions(session);
    transaction_put(transaction, RECORD_END, SLICE_EMPTY);
    if (transaction->is_dropped)
        return finish_dropped(session, result, error);
    if (milter_is_active(session))
        milter_lend(session, &transaction->cleanup);
    *result = (struct cleanup_result_texts){.milters = SLICE_EMPTY};
    status = cleanup_finish(&transaction->cleanup, &session->scratch, result, error);
    milter_take_back(session, result->milters);
    return status;
}
