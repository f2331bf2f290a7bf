/* Reading the envelope. */
#include "envelope.h"

#include "base/log.h"
#include "conf/params.h"
#include "edit.h"
#include "mail/message.h"
#include "milter.h"
#include "recipients.h"

bool attribute_split(struct slice data, struct slice *name, struct slice *value)
{
    size_t equals = slice_find(data, '=');

    *name = slice_sub(data, 0, equals);
    *value = slice_from_offset(data, equals + 1);
    return name->len && value->len;
}

static void refuse(struct transaction *transaction, const char *what, struct slice data)
{
    log_warning("%s: %s: %.*s", transaction->file.id, what, SLICE_ARG(data));
    transaction_fail(transaction, CLEANUP_STATUS_BAD);
}

/* Between the message's records and the recipients stands when to warn the sender of a delay.
 */
static void before_recipients(struct transaction *transaction)
{
    int64_t delay_seconds = params.delay_warning_time / 1000;

    if (transaction->has_warn_time)
        return;
    transaction->has_warn_time = true;
    if (transaction->sender.len && delay_seconds > 0)
        put_printf(transaction, RECORD_WARN_TIME, "%15ld",
                   (long)(transaction->arrival_time.tv_sec + delay_seconds));
}

static void arrival_time(struct transaction *transaction, struct slice data)
{
    struct slice rest = data;
    struct slice seconds = slice_word(&rest, " "), microseconds = slice_word(&rest, " ");
    int64_t value;

    if (transaction->has_arrival_time)
        return;
    if (!slice_to_int(seconds, 0, INT64_MAX, &value)) {
        refuse(transaction, "bad arrival time", data);
        return;
    }
    transaction->has_arrival_time = true;
    transaction->arrival_time.tv_sec = (time_t)value;
    transaction->arrival_time.tv_usec =
        slice_to_int(microseconds, 0, 999999, &value) ? (suseconds_t)value : 0;
    put(transaction, RECORD_TIME, data);
    put_printf(transaction, RECORD_ATTRIBUTE, "create_time=%ld",
               (long)transaction->file.arrival_time.tv_sec);
}

static void rewrite_context(struct transaction *transaction, struct slice value)
{
    transaction->rewrite_context = arena_slice(&transaction->arena, value);
    if (slice_equals(value, "local"))
        transaction->header_rewriting = HEADER_REWRITE_LOCAL;
    else if (slice_equals(value, "remote"))
        transaction->header_rewriting =
            *params.remote_header_rewrite_domain ? HEADER_REWRITE_REMOTE : HEADER_REWRITE_NONE;
    else
        refuse(transaction, "bad rewriting context", value);
}

/* What is passed on is also looked at here: for log lines, and for what we decide. */
static void note_attribute(struct transaction *transaction, struct slice name,
                           struct slice value)
{
    struct {
        const char *name;
        struct slice *to;
    } const kept[] = {
        {"client_name", &transaction->client_name},
        {"client_address", &transaction->client_address},
        {"log_message_origin", &transaction->log_origin},
        {"log_protocol_name", &transaction->log_protocol},
        {"log_helo_name", &transaction->log_helo},
        {"encoding", &transaction->encoding},
    };

    int64_t number;

    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        if (slice_equals(name, kept[i].name))
            *kept[i].to = arena_slice(&transaction->arena, value);
    }
    if (slice_equals(name, "rewrite_context"))
        rewrite_context(transaction, value);
    else if (slice_equals(name, "trace_flags")) {
        if (slice_to_int(value, 0, INT32_MAX, &number))
            transaction->trace_flags = (int)number;
        else
            refuse(transaction, "bad trace flags", value);
    }
}

static void attribute(struct transaction *transaction, struct slice data)
{
    struct slice name, value;

    if (!attribute_split(data, &name, &value)) {
        refuse(transaction, "malformed attribute", data);
        return;
    }
    /* Ours to say; a requeued message brings that of its former life. */
    if (slice_equals(name, "create_time"))
        return;
    if (transaction->n_attributes++ >= params.queue_file_attribute_count_limit) {
        refuse(transaction, "attribute count exceeds safety limit", data);
        return;
    }
    note_attribute(transaction, name, value);
    put(transaction, RECORD_ATTRIBUTE, data);
}

static bool notify_flags(struct transaction *transaction, struct slice value)
{
    const int all = NOTIFY_NEVER | NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;
    int64_t number;

    /* NEVER stands alone (RFC 3461 section 4.1). */
    if (!slice_to_int(value, 0, all, &number) || ((number & NOTIFY_NEVER) && number != 1)) {
        refuse(transaction, "ignoring bad DSN notify flags", value);
        return false;
    }
    transaction->next.notify = (int)number;
    transaction->qmgr_flags |= (int)number << 1;
    return true;
}

/* In front of an R record; false when it is an attribute of the message. */
static bool recipient_attribute(struct transaction *transaction, struct slice data)
{
    struct slice name, value;

    if (!attribute_split(data, &name, &value))
        return false;
    if (slice_equals(name, "notify_flags"))
        return notify_flags(transaction, value) || true;
    if (!slice_equals(name, "dsn_orig_rcpt"))
        return false;
    transaction->next.dsn_original = arena_slice(&transaction->arena, value);
    return true;
}

bool recipient_record(struct transaction *transaction, char type, struct slice data)
{
    switch (type) {
    case RECORD_ORIGINAL_RECIPIENT:
        transaction->next.original = arena_slice(&transaction->arena, data);
        transaction->next.has_original = true;
        return true;
    case RECORD_DSN_NOTIFY:
        return notify_flags(transaction, data) || true;
    case RECORD_DSN_ORCPT:
        transaction->next.dsn_original = arena_slice(&transaction->arena, data);
        return true;
    case RECORD_ATTRIBUTE:
        return recipient_attribute(transaction, data);
    case RECORD_RECIPIENT:
        if (transaction->has_sender)
            recipient_put(transaction, data);
        else
            refuse(transaction, "envelope recipient precedes sender", data);
        return true;
    case RECORD_DONE:
    case RECORD_CANCELLED:
        transaction->next = (struct recipient_options){0};
        return true;
    default:
        return false;
    }
}

static void sender(struct transaction *transaction, struct slice data)
{
    if (transaction->has_sender) {
        refuse(transaction, "more than one envelope sender", data);
        return;
    }
    transaction->has_sender = true;
    if (transaction->has_milters)
        transaction->sender_slot = edit_slot(transaction);
    sender_put(transaction, data);
    milter_sender(transaction);
}

static void optional_record(struct transaction *transaction, char type, struct slice data)
{
    switch (type) {
    case RECORD_FULL_NAME:
        transaction->full_name = arena_slice(&transaction->arena, data);
        put(transaction, type, data);
        return;
    case RECORD_FILTER:
    case RECORD_REDIRECT:
    case RECORD_VERP:
    case RECORD_INSPECTOR:
        put(transaction, type, data);
        return;
    case RECORD_DSN_ENVID:
        put_attribute(transaction, "envelope_id", data);
        return;
    case RECORD_DSN_RET:
        put_attribute(transaction, "ret_flags", data);
        return;
    case RECORD_WARN_TIME:
        /* A requeued message gets its own. */
    case RECORD_CREATE_TIME:
    case RECORD_SIZE:
    case RECORD_KILLED:
    case RECORD_POINTER:
        return;
    default:
        log_warning("%s: unexpected record type %d in envelope", transaction->file.id, type);
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
    }
}

void envelope_record(struct transaction *transaction, char type, struct slice data)
{
    bool is_first_recipient = type == RECORD_RECIPIENT && !transaction->has_recipients;

    /* The text lines of log, tables and files end at these. */
    if (memchr(data.ptr, '\0', data.len) || slice_find_any(data, "\r\n") < data.len) {
        refuse(transaction, "control characters in envelope record", SLICE_EMPTY);
        return;
    }
    if (is_first_recipient) {
        transaction->has_recipients = true;
        before_recipients(transaction);
    }
    if (recipient_record(transaction, type, data))
        return;
    if (transaction->has_recipients)
        transaction->qmgr_flags |= 1; /* the reader must look at all records */
    if (type == RECORD_TIME)
        arrival_time(transaction, data);
    else if (type == RECORD_SENDER)
        sender(transaction, data);
    else if (type == RECORD_ATTRIBUTE)
        attribute(transaction, data);
    else
        optional_record(transaction, type, data);
}

void envelope_end(struct transaction *transaction)
{
    if (!transaction->has_sender || !transaction->has_arrival_time) {
        log_warning("%s: message envelope: no %s", transaction->file.id,
                    transaction->has_sender ? "arrival time" : "sender");
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
    }
    before_recipients(transaction);
    put(transaction, RECORD_MESSAGE, SLICE_EMPTY);
    transaction->content_offset = queue_file_offset(&transaction->file);
    if (transaction->has_milters)
        (void)edit_slot(transaction);
}
