#include "ipc/message.h"

#include <string.h>

#include "base/bug.h"

#define LENGTH_BYTES 4
#define NUMBER_BYTES 2
#define INT_BYTES    8

/* Fields lie one behind the other in the struct, so a layout is a letter for each of them. */
_Static_assert(sizeof(struct slice) % _Alignof(int64_t) == 0, "no holes between fields");

static const struct {
    const char *name;
    const char *layout;
} messages[MESSAGE_COUNT] = {
    [MESSAGE_NONE] = {"none", ""},

#define MESSAGE(name) [MESSAGE_##name] = {#name, ""
#define INT(field)    "i"
#define TEXT(field)   "t"
#define END \
    }       \
    ,
#include "ipc/message.def"
#undef MESSAGE
#undef INT
#undef TEXT
#undef END
};

const char *message_name(enum message_number number)
{
    return (size_t)number < MESSAGE_COUNT ? messages[number].name : "unknown";
}

static void put_number(char *to, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        to[i] = (char)(value >> 8 * i);
}

static uint64_t get_number(const char *from, size_t n_bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)(unsigned char)from[i] << 8 * i;
    return value;
}

static void add_number(struct buf *buf, uint64_t value, size_t n_bytes)
{
    char bytes[INT_BYTES];

    put_number(bytes, value, n_bytes);
    buf_add(buf, bytes, n_bytes);
}

static void add_text(struct buf *buf, struct slice text)
{
    bug_if(text.len > IPC_TEXT_MAX_BYTES);
    add_number(buf, text.len, LENGTH_BYTES);
    buf_add_slice(buf, text);
}

void message_encode(struct buf *buf, enum message_number number, const void *message)
{
    const char *field = message;
    size_t start = buf->len;

    bug_if(number == MESSAGE_NONE || number >= MESSAGE_COUNT);
    add_number(buf, 0, LENGTH_BYTES);
    add_number(buf, number, NUMBER_BYTES);
    for (const char *type = messages[number].layout; *type; type++) {
        if (*type == 'i') {
            int64_t value;

            memcpy(&value, field, sizeof(value));
            add_number(buf, (uint64_t)value, INT_BYTES);
            field += sizeof(value);
        } else {
            struct slice text;

            memcpy(&text, field, sizeof(text));
            add_text(buf, text);
            field += sizeof(text);
        }
    }
    size_t length = buf->len - start - LENGTH_BYTES;

    bug_if(length > IPC_FRAME_MAX_BYTES);
    put_number(buf->data + start, length, LENGTH_BYTES);
}

ssize_t message_frame(struct slice from, enum message_number *number, struct slice *body)
{
    if (from.len < LENGTH_BYTES)
        return 0;
    size_t length = get_number(from.ptr, LENGTH_BYTES);

    if (length < NUMBER_BYTES || length > IPC_FRAME_MAX_BYTES)
        return -1;
    if (from.len < LENGTH_BYTES + NUMBER_BYTES)
        return 0;
    uint64_t found = get_number(from.ptr + LENGTH_BYTES, NUMBER_BYTES);

    if (found == MESSAGE_NONE || found >= MESSAGE_COUNT)
        return -1;
    if (from.len - LENGTH_BYTES < length)
        return 0;
    *number = (enum message_number)found;
    *body = slice_sub(from, LENGTH_BYTES + NUMBER_BYTES, length - NUMBER_BYTES);
    return (ssize_t)(LENGTH_BYTES + length);
}

size_t message_frame_bytes(struct slice from)
{
    if (from.len < LENGTH_BYTES)
        return LENGTH_BYTES + NUMBER_BYTES;
    size_t length = get_number(from.ptr, LENGTH_BYTES);

    return LENGTH_BYTES + (length > IPC_FRAME_MAX_BYTES ? NUMBER_BYTES : length);
}

static bool take_int(struct slice *rest, int64_t *value)
{
    if (rest->len < INT_BYTES)
        return false;
    *value = (int64_t)get_number(rest->ptr, INT_BYTES);
    *rest = slice_from_offset(*rest, INT_BYTES);
    return true;
}

static bool take_text(struct slice *rest, struct slice *text)
{
    if (rest->len < LENGTH_BYTES)
        return false;
    size_t length = get_number(rest->ptr, LENGTH_BYTES);

    if (length > IPC_TEXT_MAX_BYTES || length > rest->len - LENGTH_BYTES)
        return false;
    *text = slice_sub(*rest, LENGTH_BYTES, length);
    *rest = slice_from_offset(*rest, LENGTH_BYTES + length);
    return true;
}

/* Fill the fields in turn; false at the first that does not fit, or when bytes are left. */
static bool take_fields(const char *layout, struct slice rest, char *field)
{
    for (const char *type = layout; *type; type++) {
        int64_t value;
        struct slice text;

        if (*type == 'i') {
            if (!take_int(&rest, &value))
                return false;
            memcpy(field, &value, sizeof(value));
            field += sizeof(value);
        } else {
            if (!take_text(&rest, &text))
                return false;
            memcpy(field, &text, sizeof(text));
            field += sizeof(text);
        }
    }
    return rest.len == 0;
}

int message_decode(enum message_number number, struct slice body, void *message,
                   struct error *error)
{
    bug_if(number == MESSAGE_NONE || number >= MESSAGE_COUNT);
    if (!take_fields(messages[number].layout, body, message))
        return error_set(error, ERROR_PERMANENT, "malformed %s message of %zu bytes",
                         messages[number].name, body.len);
    return 0;
}
