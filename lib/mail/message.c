/* Reading the envelope of a queue file. */
#include "mail/message.h"

#include "base/fd.h"
#include "mail/message_walk.h"
#include "mail/record.h"

#define QMGR_FLAGS_KNOWN   31 /* bit 0: recipients mixed with others; 1..4: NOTIFY bits */
#define SEND_OPTIONS_KNOWN 63

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
        return message_corrupt(error, record, "second size record");
    if (count < 3)
        return message_corrupt(error, record, "bad size record");
    envelope->send_options = (int)(numbers[5] & SEND_OPTIONS_KNOWN);
    if (numbers[0] == -1 && numbers[1] == -1) /* from maildrop: it carries options only */
        return 0;
    if (numbers[0] <= 0 || numbers[1] <= 0 || numbers[0] > INT64_MAX - numbers[1])
        return message_corrupt(error, record, "bad sizes in the record");
    if (numbers[3] & ~(int64_t)QMGR_FLAGS_KNOWN)
        return message_corrupt(error, record, "unknown flags in the size record");
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
        envelope->ret = slice_small_number(value);
    } else if (slice_equals(name, "trace_flags")) {
        envelope->trace_flags = slice_small_number(value);
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
        return message_corrupt(error, record, "bad time record");
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
        envelope->ret = slice_small_number(record->data);
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

static int read_records(struct message_walk *walk, struct message *message, struct error *error)
{
    struct envelope *envelope = &message->envelope;
    off_t group = 0; /* the first detail of the recipient that comes next */
    struct record record;
    int result;

    while ((result = message_walk_next(walk, &record, error)) > 0) {
        struct slice *text = text_member(envelope, record.type);

        if (record_is_recipient(&record)) {
            if (!envelope->sender.ptr)
                return message_corrupt(error, &record, "recipient before the sender");
            if (message->next_recipient == 0)
                message->next_recipient = group ? group : record.offset;
            message->last_recipient = record.offset;
            group = 0;
        } else if (record_is_recipient_detail(&record)) {
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
    struct message_walk walk;

    *message = (struct message){.fd = fd, .chunk = BUF_INIT};
    arena_init(&message->arena);
    message_walk_init(&walk, message, 0);
    int result = read_records(&walk, message, error);
    message_walk_release(&walk);
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
