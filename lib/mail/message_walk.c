#include "mail/message_walk.h"

#include <string.h>

#include "mail/record.h"

#define ENVELOPE_CHUNK_BYTES 8192 /* most messages are read at a go */
#define SKIP_CHUNK_BYTES     65536

/* What may stand in envelope and extracted segment; RECORD_POINTER is resolved below us. */
static const char allowed_types[] = "MCTcFILSDRO/WVAP>K<ionreXE";

int message_corrupt(struct error *error, const struct record *record, const char *what)
{
    return error_set(error, ERROR_PERMANENT, "%s at offset %jd", what,
                     (intmax_t)record->offset);
}

void message_walk_release(struct message_walk *walk)
{
    struct message *message = walk->message;

    if (!message)
        return;
    message->backward_jumps = walk->records.backward_jumps;
    message->chunk = walk->records.buffer;
    message->chunk_start = walk->records.buffer_start;
}

void message_walk_init(struct message_walk *walk, struct message *message, off_t offset)
{
    walk->message = message;
    record_reader_init(&walk->records, message->fd, offset, ENVELOPE_CHUNK_BYTES);
    walk->records.backward_jumps = message->backward_jumps;
    /* Behind the envelope of a small message stand its recipients, in the same chunk. */
    walk->records.buffer = message->chunk;
    walk->records.buffer_start = message->chunk_start;
    message->chunk = BUF_INIT;
}

/* A file without sizes (maildrop): look for the end of the content record by record. */
static int find_extracted(struct message_walk *walk, struct record *record, struct error *error)
{
    walk->records.chunk_bytes = SKIP_CHUNK_BYTES;
    for (;;) {
        int result = record_reader_next(&walk->records, record, error);

        if (result < 0)
            return -1;
        if (result == 0)
            return error_set(error, ERROR_PERMANENT, "file ends within the content");
        if (record->type == RECORD_EXTRACTED)
            return 0;
        if (record->type != RECORD_LINE && record->type != RECORD_PART &&
            record->type != RECORD_PADDING)
            return message_corrupt(error, record, "unexpected record in the content");
    }
}

/* Behind the M record: go to the record behind X. */
static int skip_content(struct message_walk *walk, struct record *record, struct error *error)
{
    struct envelope *envelope = &walk->message->envelope;
    int result;

    if (envelope->content_size == 0) {
        envelope->content_offset = walk->records.position;
        return find_extracted(walk, record, error);
    }
    if (walk->records.position != (off_t)envelope->content_offset)
        return message_corrupt(error, record,
                               "the content is not where the size record says, but");
    record_reader_seek(&walk->records,
                       (off_t)(envelope->content_offset + envelope->content_size));
    result = record_reader_next(&walk->records, record, error);
    if (result < 0)
        return -1;
    if (result == 0 || record->type != RECORD_EXTRACTED)
        return message_corrupt(error, record, "no end of content");
    return 0;
}

int message_walk_next(struct message_walk *walk, struct record *record, struct error *error)
{
    for (;;) {
        int result = record_reader_next(&walk->records, record, error);

        if (result < 0)
            return -1;
        if (result == 0)
            return error_set(error, ERROR_PERMANENT, "file ends without an end record");
        if (record->type == RECORD_END)
            return 0;
        if (!strchr(allowed_types, record->type))
            return message_corrupt(error, record, "unexpected record");
        if (memchr(record->data.ptr, '\0', record->data.len))
            return message_corrupt(error, record, "NUL in the record");
        if (record->type != RECORD_MESSAGE)
            return 1;
        if (skip_content(walk, record, error) < 0)
            return -1;
    }
}

bool record_is_attribute(const struct record *record, const char *name_and_equals)
{
    return record->type == RECORD_ATTRIBUTE && slice_starts_with(record->data, name_and_equals);
}

bool record_is_recipient_detail(const struct record *record)
{
    return record->type == RECORD_ORIGINAL_RECIPIENT || record->type == RECORD_DSN_ORCPT ||
           record->type == RECORD_DSN_NOTIFY || record_is_attribute(record, "dsn_orig_rcpt=") ||
           record_is_attribute(record, "notify_flags=");
}

bool record_is_recipient(const struct record *record)
{
    return record->type == RECORD_RECIPIENT || record->type == RECORD_DONE ||
           record->type == RECORD_CANCELLED;
}

int slice_small_number(struct slice text)
{
    int64_t value;

    return slice_to_int(text, 0, INT32_MAX, &value) ? (int)value : 0;
}
