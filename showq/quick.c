/*
 * Messages of the common kind.
 */
#include "quick.h"

#include <string.h>
#include <unistd.h>

#include "mail/record.h"

/* -- the queue file ---------------------------------------------------------------------------
 */

struct walk {
    struct quick_message *message;
    int64_t content_offset, content_size;
    struct slice original; /* of the next recipient */
    bool has_sender, has_time, is_at_content, is_at_end;
};

static bool read_sizes(struct walk *walk, struct slice data)
{
    int64_t numbers[6] = {0};

    for (int i = 0; i < 6; i++) {
        if (!slice_to_int(slice_word(&data, " "), 0, INT32_MAX, &numbers[i]))
            return false;
    }
    walk->content_size = numbers[0];
    walk->content_offset = numbers[1];
    walk->message->size = numbers[4] > 0 ? numbers[4] : numbers[0];
    return numbers[0] > 0 && numbers[1] > 0;
}

static bool add_recipient(struct walk *walk, struct slice address, off_t offset)
{
    struct quick_list *list = &walk->message->recipients;

    if (list->count == QUICK_RECIPIENTS_MAX)
        return false;
    list->items[list->count++] =
        (struct quick_recipient){address, walk->original, SLICE_EMPTY, offset};
    return true;
}

static bool is_zero(struct slice data)
{
    int64_t number;

    return slice_to_int(slice_trim(data), 0, 0, &number);
}

/* False: out of the ordinary. */
static bool take_record(struct walk *walk, char type, struct slice data, off_t offset)
{
    bool is_usual = true;

    switch (type) {
    case RECORD_SIZE:
        return offset == 0 && read_sizes(walk, data);
    case RECORD_TIME:
        is_usual = walk->has_time ||
                   slice_to_int(slice_word(&data, " "), 1, INT64_MAX, &walk->message->arrival);
        walk->has_time = true;
        return is_usual;
    case RECORD_SENDER:
        is_usual = !walk->has_sender;
        walk->message->sender = data;
        walk->has_sender = true;
        return is_usual;
    case RECORD_ORIGINAL_RECIPIENT:
        walk->original = data;
        return true;
    case RECORD_RECIPIENT:
        is_usual = add_recipient(walk, data, offset);
        walk->original = SLICE_EMPTY;
        return is_usual;
    case RECORD_DONE:
    case RECORD_CANCELLED:
        walk->original = SLICE_EMPTY;
        return true;
    case RECORD_MESSAGE:
        walk->is_at_content = true;
        return !walk->is_at_end;
    case RECORD_END:
        walk->is_at_end = true;
        return true;
    case RECORD_POINTER:
        return is_zero(data);
    default:
        /* Nothing in them concerns a listing; an unknown one is for the others to judge. */
        return strchr("AWFL>VK", type) != NULL;
    }
}

/* The records in text, which stands at that offset in the file, until M or E. */
static bool take_records(struct walk *walk, struct slice text, off_t offset)
{
    while (!walk->is_at_content && !walk->is_at_end) {
        struct slice data;
        char type;
        ssize_t len = record_decode(text, &type, &data);

        if (len <= 0 || memchr(data.ptr, '\0', data.len) ||
            !take_record(walk, type, data, offset))
            return false;
        text = slice_from_offset(text, (size_t)len);
        offset += len;
    }
    return walk->is_at_end || offset == (off_t)walk->content_offset;
}

bool quick_read_message(struct quick_message *message, int fd)
{
    struct walk walk = {.message = message, .original = SLICE_EMPTY};
    char *first = message->recipients.text, *second = first + QUICK_BYTES;
    ssize_t n = pread(fd, first, QUICK_BYTES, 0);
    struct slice text;

    message->recipients.count = 0;
    message->arrival = 0;
    if (n <= 0 || first[0] != RECORD_SIZE ||
        !take_records(&walk, slice_of(first, (size_t)n), 0) || !walk.is_at_content ||
        !walk.has_sender)
        return false;
    off_t end = (off_t)(walk.content_offset + walk.content_size);
    if (end < n) {
        text = slice_of(first + end, (size_t)(n - end));
    } else {
        n = pread(fd, second, QUICK_BYTES, end);
        if (n <= 0)
            return false;
        text = slice_of(second, (size_t)n);
    }
    struct slice data;
    char type;
    ssize_t len = record_decode(text, &type, &data);

    walk.is_at_content = false;
    return len > 0 && type == RECORD_EXTRACTED &&
           take_records(&walk, slice_from_offset(text, (size_t)len), end + len) &&
           walk.is_at_end;
}

/* -- a status log -----------------------------------------------------------------------------
 */

/* An address that looks the same in its quoted and its internal form. */
static bool is_plain(struct slice address)
{
    return slice_find_any(address, "\"\\<> ") == address.len;
}

static bool take_field(struct quick_recipient *recipient, struct slice name, struct slice value)
{
    int64_t number;

    if (slice_equals(name, "recipient")) {
        recipient->address = value;
        return is_plain(value);
    }
    if (slice_equals(name, "original_recipient")) {
        recipient->original = value;
        return is_plain(value);
    }
    if (slice_equals(name, "reason")) {
        recipient->reason = value;
    } else if (slice_equals(name, "offset")) {
        if (!slice_to_int(value, 1, INT64_MAX, &number))
            return false;
        recipient->offset = (off_t)number;
    }
    return true;
}

/* The lines up to an empty one; those in the old style say nothing more. */
static bool take_entry(struct quick_recipient *recipient, struct slice *text)
{
    *recipient = (struct quick_recipient){SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, 0};
    while (text->len > 0) {
        struct slice value = slice_split(text, '\n');

        if (value.len == 0)
            break;
        if (value.ptr[0] == '<')
            continue;
        struct slice name = slice_split(&value, '=');
        if (!take_field(recipient, name, value))
            return false;
    }
    return recipient->address.len > 0 && recipient->offset > 0;
}

bool quick_read_log(struct quick_list *log, int fd)
{
    ssize_t n = read(fd, log->text, sizeof(log->text));

    if (n < 0 || n == sizeof(log->text))
        return false;
    struct slice text = slice_of(log->text, (size_t)n);
    if (memchr(text.ptr, '\0', text.len))
        return false;
    for (;;) {
        text = slice_from_offset(text, slice_skip_any(text, "\n"));
        if (text.len == 0)
            return true;
        if (log->count == QUICK_RECIPIENTS_MAX || !take_entry(&log->items[log->count++], &text))
            return false;
    }
}
