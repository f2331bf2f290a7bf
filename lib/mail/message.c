/* Reading the envelope and the recipients of a queue file. */
#include "mail/message.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mail/record.h"

#define ENVELOPE_CHUNK_BYTES 8192 /* most messages are read at a go */
#define SKIP_CHUNK_BYTES     65536
#define QMGR_FLAGS_KNOWN     31 /* bit 0: recipients mixed with others; 1..4: NOTIFY bits */
#define SEND_OPTIONS_KNOWN   63

/* What may stand in envelope and extracted segment; RECORD_POINTER is resolved below us. */
static const char allowed_types[] = "MCTcFILSDRO/WVAP>K<ionreXE";

static int corrupt(struct error *error, const struct record *record, const char *what)
{
    return error_set(error, ERROR_PERMANENT, "%s at offset %jd", what,
                     (intmax_t)record->offset);
}

/* A walk over the envelope and the extracted segment that passes over the content between. */
struct walk {
    struct message *message;
    struct record_reader records;
};

static void walk_release(struct walk *walk)
{
    struct message *message = walk->message;

    if (!message)
        return;
    message->backward_jumps = walk->records.backward_jumps;
    message->chunk = walk->records.buffer;
    message->chunk_start = walk->records.buffer_start;
}

static void walk_init(struct walk *walk, struct message *message, off_t offset)
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
static int find_extracted(struct walk *walk, struct record *record, struct error *error)
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
            return corrupt(error, record, "unexpected record in the content");
    }
}

/* Behind the M record: go to the record behind X. */
static int skip_content(struct walk *walk, struct record *record, struct error *error)
{
    struct envelope *envelope = &walk->message->envelope;
    int result;

    if (envelope->content_size == 0) {
        envelope->content_offset = walk->records.position;
        return find_extracted(walk, record, error);
    }
    if (walk->records.position != (off_t)envelope->content_offset)
        return corrupt(error, record, "the content is not where the size record says, but");
    record_reader_seek(&walk->records,
                       (off_t)(envelope->content_offset + envelope->content_size));
    result = record_reader_next(&walk->records, record, error);
    if (result < 0)
        return -1;
    if (result == 0 || record->type != RECORD_EXTRACTED)
        return corrupt(error, record, "no end of content");
    return 0;
}

/* The next record outside the content. 1: there is one; 0: the E record was met; -1. */
static int walk_next(struct walk *walk, struct record *record, struct error *error)
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
            return corrupt(error, record, "unexpected record");
        if (memchr(record->data.ptr, '\0', record->data.len))
            return corrupt(error, record, "NUL in the record");
        if (record->type != RECORD_MESSAGE)
            return 1;
        if (skip_content(walk, record, error) < 0)
            return -1;
    }
}

/* Up to count numbers from a text; returns how many there were. */
static int read_numbers(struct slice text, int64_t *numbers, int count)
{
    struct slice rest = text;
    int n = 0;

    while (n < count) {
        struct slice word = slice_word(&rest, " ");

        if (!word.ptr || !slice_to_int(word, INT64_MIN, INT64_MAX, &numbers[n]))
            break;
        n++;
    }
    return n;
}

static int read_size(struct envelope *envelope, const struct record *record,
                     struct error *error)
{
    int64_t numbers[6] = {0};
    int count = read_numbers(record->data, numbers, 6);

    if (record->offset != 0)
        return corrupt(error, record, "second size record");
    if (count < 3)
        return corrupt(error, record, "bad size record");
    envelope->send_options = (int)(numbers[5] & SEND_OPTIONS_KNOWN);
    if (numbers[0] == -1 && numbers[1] == -1) /* from maildrop: it carries options only */
        return 0;
    if (numbers[0] <= 0 || numbers[1] <= 0 || numbers[0] > INT64_MAX - numbers[1])
        return corrupt(error, record, "bad sizes in the record");
    if (numbers[3] & ~(int64_t)QMGR_FLAGS_KNOWN)
        return corrupt(error, record, "unknown flags in the size record");
    envelope->content_size = numbers[0];
    envelope->content_offset = numbers[1];
    envelope->n_recipients = numbers[2];
    envelope->qmgr_flags = (int)numbers[3];
    envelope->data_size = numbers[4] > 0 ? numbers[4] : numbers[0];
    return 0;
}

/* Attributes whose value is kept as text. */
#define TEXT_ATTRIBUTE(name, member)            \
    {                                           \
        name, offsetof(struct envelope, member) \
    }

static const struct {
    const char *name;
    size_t offset;
} text_attributes[] = {
    TEXT_ATTRIBUTE("rewrite_context", rewrite_context),
    TEXT_ATTRIBUTE("encoding", encoding),
    TEXT_ATTRIBUTE("envelope_id", envelope_id),
    TEXT_ATTRIBUTE("log_ident", log_ident),
    TEXT_ATTRIBUTE("message_id", message_id),
    TEXT_ATTRIBUTE("log_message_origin", message_origin),
    TEXT_ATTRIBUTE("log_client_name", log_client.name),
    TEXT_ATTRIBUTE("log_client_address", log_client.address),
    TEXT_ATTRIBUTE("log_client_port", log_client.port),
    TEXT_ATTRIBUTE("log_helo_name", log_client.helo),
    TEXT_ATTRIBUTE("log_protocol_name", log_client.protocol),
    TEXT_ATTRIBUTE("client_name", client.name),
    TEXT_ATTRIBUTE("reverse_client_name", client.reverse_name),
    TEXT_ATTRIBUTE("client_address", client.address),
    TEXT_ATTRIBUTE("client_port", client.port),
    TEXT_ATTRIBUTE("helo_name", client.helo),
    TEXT_ATTRIBUTE("protocol_name", client.protocol),
    TEXT_ATTRIBUTE("server_address", server_address),
    TEXT_ATTRIBUTE("server_port", server_port),
    TEXT_ATTRIBUTE("sasl_method", sasl_method),
    TEXT_ATTRIBUTE("sasl_username", sasl_username),
    TEXT_ATTRIBUTE("sasl_sender", sasl_sender),
};

static void read_text_attribute(struct message *message, struct slice name, struct slice value)
{
    for (size_t i = 0; i < ARRAY_SIZE(text_attributes); i++) {
        if (slice_equals(name, text_attributes[i].name)) {
            char *member = (char *)&message->envelope + text_attributes[i].offset;

            *(struct slice *)(void *)member = arena_slice(&message->arena, value);
        }
    }
}

static int small_number(struct slice text)
{
    int64_t value;

    return slice_to_int(text, 0, INT32_MAX, &value) ? (int)value : 0;
}

/* name=value, with white space around either taken off; an unknown name means nothing to us. */
static void read_attribute(struct message *message, const struct record *record)
{
    struct envelope *envelope = &message->envelope;
    struct slice value = record->data;
    struct slice name = slice_trim(slice_split(&value, '='));

    value = slice_trim(value);
    if (slice_equals(name, "create_time")) {
        slice_to_int(value, 0, INT64_MAX, &envelope->create_time);
    } else if (slice_equals(name, "ret_flags")) {
        envelope->ret = small_number(value);
    } else if (slice_equals(name, "trace_flags")) {
        envelope->trace_flags = small_number(value);
        envelope->trace_flags_offset = record->offset;
    } else {
        read_text_attribute(message, name, value);
    }
}

static int read_arrival_time(struct envelope *envelope, const struct record *record,
                             struct error *error)
{
    int64_t numbers[2] = {0};

    if (envelope->arrival_time.tv_sec != 0) /* the first one is the arrival */
        return 0;
    if (read_numbers(record->data, numbers, 2) < 1 || numbers[0] < 0)
        return corrupt(error, record, "bad time record");
    envelope->arrival_time.tv_sec = (time_t)numbers[0];
    envelope->arrival_time.tv_usec = (suseconds_t)(numbers[1] % 1000000);
    return 0;
}

/* The first one counts, but a filter or redirect that cleanup's checks ordered comes last. */
static void keep_text(struct message *message, const struct record *record,
                      struct slice *member)
{
    if (!member->ptr || record->type == RECORD_FILTER || record->type == RECORD_REDIRECT)
        *member = arena_slice(&message->arena, record->data);
}

/* Records that hold one value. */
static int read_value(struct message *message, const struct record *record, struct error *error)
{
    struct envelope *envelope = &message->envelope;
    int64_t number = 0;

    switch (record->type) {
    case RECORD_SIZE:
        return read_size(envelope, record, error);
    case RECORD_TIME:
        return read_arrival_time(envelope, record, error);
    case RECORD_CREATE_TIME:
        read_numbers(record->data, &envelope->create_time, 1);
        break;
    case RECORD_WARN_TIME:
        read_numbers(record->data, &number, 1);
        envelope->warn_time = number < 0 ? -1 : number;
        envelope->warn_offset = record->offset + (off_t)record_header_bytes(record->data.len);
        break;
    case RECORD_DSN_RET:
        envelope->ret = small_number(record->data);
        break;
    case RECORD_ATTRIBUTE:
        read_attribute(message, record);
        break;
    default:
        break;
    }
    return 0;
}

/* Records that are kept as text; NULL for others. */
static struct slice *text_member(struct envelope *envelope, char type)
{
    switch (type) {
    case RECORD_FULL_NAME:
        return &envelope->full_name;
    case RECORD_SENDER:
        return &envelope->sender;
    case RECORD_FILTER:
        return &envelope->filter;
    case RECORD_REDIRECT:
        return &envelope->redirect;
    case RECORD_VERP:
        return &envelope->verp_delimiters;
    case RECORD_INSPECTOR:
        return &envelope->inspector;
    case RECORD_DSN_ENVID:
        return &envelope->envelope_id;
    default:
        return NULL;
    }
}

static bool attribute_is(const struct record *record, const char *name_and_equals)
{
    return record->type == RECORD_ATTRIBUTE && slice_starts_with(record->data, name_and_equals);
}

/* True for a record that describes the recipient that comes next. */
static bool is_recipient_detail(const struct record *record)
{
    return record->type == RECORD_ORIGINAL_RECIPIENT || record->type == RECORD_DSN_ORCPT ||
           record->type == RECORD_DSN_NOTIFY || attribute_is(record, "dsn_orig_rcpt=") ||
           attribute_is(record, "notify_flags=");
}

static bool is_recipient(const struct record *record)
{
    return record->type == RECORD_RECIPIENT || record->type == RECORD_DONE ||
           record->type == RECORD_CANCELLED;
}

/* Every member that nobody set is the empty text. */
static void fill_empty(struct envelope *envelope)
{
    struct slice *others[] = {
        &envelope->full_name,
        &envelope->sender,
        &envelope->filter,
        &envelope->redirect,
        &envelope->verp_delimiters,
        &envelope->inspector,
        &envelope->log_client.reverse_name,
    };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (!others[i]->ptr)
            *others[i] = SLICE_EMPTY;
    }
    for (size_t i = 0; i < ARRAY_SIZE(text_attributes); i++) {
        char *member = (char *)envelope + text_attributes[i].offset;
        struct slice *text = (struct slice *)(void *)member;

        if (!text->ptr)
            *text = SLICE_EMPTY;
    }
}

static int check_complete(struct envelope *envelope, struct error *error)
{
    if (envelope->arrival_time.tv_sec == 0)
        return error_set(error, ERROR_PERMANENT, "no arrival time record");
    if (!envelope->sender.ptr)
        return error_set(error, ERROR_PERMANENT, "no sender record");
    if (envelope->content_offset == 0)
        return error_set(error, ERROR_PERMANENT, "no content");
    if (envelope->create_time == 0)
        envelope->create_time = envelope->arrival_time.tv_sec;
    fill_empty(envelope);
    return 0;
}

static int read_records(struct walk *walk, struct message *message, struct error *error)
{
    struct envelope *envelope = &message->envelope;
    off_t group = 0; /* the first detail of the recipient that comes next */
    struct record record;
    int result;

    while ((result = walk_next(walk, &record, error)) > 0) {
        struct slice *text = text_member(envelope, record.type);

        if (is_recipient(&record)) {
            if (!envelope->sender.ptr)
                return corrupt(error, &record, "recipient before the sender");
            if (message->next_recipient == 0)
                message->next_recipient = group ? group : record.offset;
            message->last_recipient = record.offset;
            group = 0;
        } else if (is_recipient_detail(&record)) {
            if (group == 0)
                group = record.offset;
        } else if (text) {
            keep_text(message, &record, text);
        } else if (read_value(message, &record, error) < 0) {
            return -1;
        }
    }
    return result;
}

int message_read_envelope(struct message *message, int fd, struct error *error)
{
    struct walk walk;

    *message = (struct message){.fd = fd, .chunk = BUF_INIT};
    arena_init(&message->arena);
    walk_init(&walk, message, 0);
    int result = read_records(&walk, message, error);
    walk_release(&walk);
    if (result == 0)
        result = check_complete(&message->envelope, error);
    if (result < 0)
        message_release(message);
    return result;
}

void message_release(struct message *message)
{
    arena_release(&message->arena);
    buf_release(&message->chunk);
}

void message_close(struct message *message)
{
    fd_close(&message->fd);
    buf_release(&message->chunk);
}

static void recipient_list_add(struct recipient_list *list, const struct recipient *recipient)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = mem_resize(list->items, list->capacity, sizeof(*list->items));
    }
    list->items[list->count++] = *recipient;
}

void recipient_list_release(struct recipient_list *list)
{
    mem_free(list->items);
    *list = (struct recipient_list){0};
}

/* Note what the record says about the recipient that comes next. */
static void read_recipient_detail(struct recipient *next, const struct record *record,
                                  struct arena *arena)
{
    struct slice value = record->data;

    if (record->type == RECORD_ATTRIBUTE) {
        slice_split(&value, '=');
        value = slice_trim(value);
    }
    if (record->type == RECORD_ORIGINAL_RECIPIENT)
        next->original = arena_slice(arena, value);
    else if (record->type == RECORD_DSN_NOTIFY || attribute_is(record, "notify_flags="))
        next->notify = small_number(value);
    else
        next->dsn_original = arena_slice(arena, value);
}

/* Add the recipient of the record, which `next` describes, unless it was taken back. */
static void keep_recipient(struct recipient_list *list, struct recipient *next,
                           const struct record *record, struct arena *arena)
{
    if (record->type == RECORD_CANCELLED)
        return;
    next->address = arena_slice(arena, record->data);
    next->offset = record->offset;
    next->done = record->type == RECORD_DONE;
    recipient_list_add(list, next);
}

#define RECIPIENT_NONE   \
    ((struct recipient){ \
        .address = SLICE_EMPTY, .original = SLICE_EMPTY, .dsn_original = SLICE_EMPTY})

int message_read_recipients(struct message *message, struct arena *arena, size_t max,
                            struct recipient_list *list, struct error *error)
{
    CLEANUP(walk_release) struct walk walk = {0};
    struct recipient next = RECIPIENT_NONE;
    const size_t before = list->count;
    off_t group = 0;
    struct record record;
    int result;

    if (message->next_recipient == 0)
        return 0;
    walk_init(&walk, message, message->next_recipient);
    while ((result = walk_next(&walk, &record, error)) > 0) {
        if (is_recipient_detail(&record)) {
            group = group ? group : record.offset;
            if (list->count - before < max)
                read_recipient_detail(&next, &record, arena);
            continue;
        }
        if (!is_recipient(&record))
            continue;
        if (list->count - before == max) {
            message->next_recipient = group ? group : record.offset;
            return 0;
        }
        keep_recipient(list, &next, &record, arena);
        if (record.offset == message->last_recipient) {
            result = 0;
            break;
        }
        next = RECIPIENT_NONE;
        group = 0;
    }
    if (result == 0)
        message->next_recipient = 0;
    return result;
}
