/* The life of one message: records in, queue file out. */
#include "transaction.h"

#include <errno.h>
#include <stdarg.h>

#include "base/log.h"
#include "conf/params.h"
#include "content.h"
#include "envelope.h"
#include "extracted.h"
#include "milter.h"

#define REFUSED_FOR_GOOD \
    (CLEANUP_STATUS_CONTENT | CLEANUP_STATUS_HOPS | CLEANUP_STATUS_SIZE | CLEANUP_STATUS_OVER)

struct queue_layout queue_layout(void)
{
    return (struct queue_layout){params.hash_queue_names, params.hash_queue_depth};
}

int transaction_init(struct transaction *transaction, unsigned flags, int send_options,
                     struct error *error)
{
    struct queue_layout layout = queue_layout();
    enum queue_id_form form = params.enable_long_queue_ids ? QUEUE_ID_LONG : QUEUE_ID_SHORT;

    *transaction = (struct transaction){
        .file = QUEUE_FILE_INIT,
        .flags = flags,
        .send_options = send_options,
        .recipients_seen = HASH_INIT_NOCASE,
        .header_rewriting = HEADER_REWRITE_LOCAL,
    };
    content_init(transaction);
    transaction->last_bcc = &transaction->bccs;
    if (queue_file_create(&transaction->file, &layout, "incoming", form, 0600, error) < 0)
        return -1;
    transaction->arrival_time = transaction->file.arrival_time;
    milter_begin(transaction);
    put_printf(transaction, RECORD_SIZE, SIZE_RECORD_FORMAT, 0L, 0L, 0L, 0L, 0L, 0L);
    return 0;
}

void transaction_release(struct transaction *transaction)
{
    queue_file_release(&transaction->file);
    content_release(&transaction->content);
    hash_release(&transaction->recipients_seen, NULL);
    milters_release(&transaction->milters);
    arena_release(&transaction->macro_arena);
    arena_release(&transaction->arena);
}

void transaction_fail(struct transaction *transaction, enum cleanup_status status)
{
    transaction->status |= status;
}

void transaction_fail_because(struct transaction *transaction, enum cleanup_status status,
                              struct slice dsn, struct slice reason)
{
    transaction->status |= status;
    if (transaction->reason.len)
        return;
    transaction->dsn = arena_slice(&transaction->arena, dsn);
    transaction->reason = arena_slice(&transaction->arena, reason);
}

bool transaction_may_bounce(const struct transaction *transaction)
{
    return (transaction->flags & CLEANUP_BOUNCE) && transaction->has_sender &&
           !(transaction->status & ~(unsigned)REFUSED_FOR_GOOD);
}

bool transaction_is_wanted(const struct transaction *transaction)
{
    if (transaction->flags & CLEANUP_DISCARD)
        return false;
    return transaction->status == CLEANUP_STATUS_OK || transaction_may_bounce(transaction);
}

void transaction_write_failed(struct transaction *transaction, const struct error *error)
{
    bool is_full = errno == ENOSPC || errno == EDQUOT;

    log_warning("%s: write queue file: %s", transaction->file.id, error->text);
    transaction_fail(transaction, is_full ? CLEANUP_STATUS_FULL : CLEANUP_STATUS_WRITE);
}

static void check_size(struct transaction *transaction)
{
    /* What filters do to a message that was complete counts against nobody. */
    if (params.message_size_limit <= 0 || (transaction->status & CLEANUP_STATUS_SIZE) ||
        transaction->segment == SEGMENT_END ||
        queue_file_offset(&transaction->file) <= params.message_size_limit)
        return;
    log_warning("%s: queue file size limit exceeded", transaction->file.id);
    transaction_fail(transaction, CLEANUP_STATUS_SIZE);
}

void put(struct transaction *transaction, char type, struct slice data)
{
    struct error error;

    if (!transaction_is_wanted(transaction))
        return;
    if (queue_file_put(&transaction->file, type, data, NULL, &error) < 0)
        transaction_write_failed(transaction, &error);
    else
        check_size(transaction);
}

void put_run(struct transaction *transaction, struct slice records)
{
    struct error error;

    if (!transaction_is_wanted(transaction) || (transaction->status & CLEANUP_STATUS_SIZE))
        return;
    if (queue_file_put_run(&transaction->file, records, &error) < 0)
        transaction_write_failed(transaction, &error);
    else
        check_size(transaction);
}

void put_attribute(struct transaction *transaction, const char *name, struct slice value)
{
    put_printf(transaction, RECORD_ATTRIBUTE, "%s=%.*s", name, SLICE_ARG(value));
}

void put_printf(struct transaction *transaction, char type, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    put(transaction, type, buf_slice(&text));
}

/* The segments follow each other: envelope M content X extracted E. */
static void next_segment(struct transaction *transaction, char type)
{
    switch (transaction->segment) {
    case SEGMENT_ENVELOPE:
        if (type != RECORD_MESSAGE)
            break;
        envelope_end(transaction);
        transaction->segment = SEGMENT_CONTENT;
        return;
    case SEGMENT_CONTENT:
        if (type != RECORD_EXTRACTED)
            break;
        content_end(transaction);
        extracted_begin(transaction);
        transaction->segment = SEGMENT_EXTRACTED;
        return;
    case SEGMENT_EXTRACTED:
        if (type != RECORD_END)
            break;
        extracted_end(transaction);
        transaction->segment = SEGMENT_END;
        return;
    case SEGMENT_END:
    default:
        break;
    }
    log_warning("%s: unexpected record type %d", transaction->file.id, type);
    transaction_fail(transaction, CLEANUP_STATUS_BAD);
    if (type == RECORD_END)
        transaction->segment = SEGMENT_END;
}

/* smtpd: HOLD and DISCARD may be decided when the message is under way. */
static void take_flags(struct transaction *transaction, struct slice data)
{
    const uint64_t both = CLEANUP_HOLD | CLEANUP_DISCARD;
    uint64_t flags;

    if (!slice_to_uint(data, 10, UINT32_MAX, &flags)) {
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
        return;
    }
    transaction->flags |= (unsigned)(flags & both);
    if ((flags & CLEANUP_DISCARD) && transaction->segment == SEGMENT_ENVELOPE)
        transaction->is_silent = true;
}

static void place_record(struct transaction *transaction, char type, struct slice data)
{
    if (type == RECORD_FLAGS)
        take_flags(transaction, data);
    else if (type == RECORD_MESSAGE || type == RECORD_EXTRACTED || type == RECORD_END)
        next_segment(transaction, type);
    else if (transaction->segment == SEGMENT_ENVELOPE)
        envelope_record(transaction, type, data);
    else if (transaction->segment == SEGMENT_CONTENT)
        content_record(transaction, type, data);
    else
        extracted_record(transaction, type, data);
}

/* The client could not know the queue ID yet. */
static void take_record_with_id(struct transaction *transaction, struct slice data)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    char type = data.len ? *data.ptr : '\0';
    struct slice rest = slice_from_offset(data, 1);
    size_t place = slice_find(rest, '\0');

    if (place == rest.len || (type != RECORD_ATTRIBUTE && type != RECORD_LINE)) {
        log_warning("%s: malformed record", transaction->file.id);
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
        return;
    }
    buf_add_slice(&text, slice_sub(rest, 0, place));
    buf_add_text(&text, transaction->file.id);
    buf_add_slice(&text, slice_from_offset(rest, place + 1));
    place_record(transaction, type, buf_slice(&text));
}

static void take_record(struct transaction *transaction, char type, struct slice data)
{
    if (type == RECORD_WITH_ID)
        take_record_with_id(transaction, data);
    else
        place_record(transaction, type, data);
}

void transaction_feed(struct transaction *transaction, struct slice records)
{
    while (records.len && transaction->segment != SEGMENT_END) {
        struct slice data;
        char type;
        size_t run = transaction->segment == SEGMENT_CONTENT
                         ? content_take_run(transaction, records)
                         : 0;
        ssize_t bytes;

        records = slice_from_offset(records, run);
        if (records.len == 0)
            break;
        bytes = record_decode(records, &type, &data);
        if (bytes <= 0) {
            log_warning("%s: malformed record", transaction->file.id);
            transaction_fail(transaction, CLEANUP_STATUS_BAD);
            transaction->segment = SEGMENT_END;
            return;
        }
        take_record(transaction, type, data);
        records = slice_from_offset(records, (size_t)bytes);
    }
}
