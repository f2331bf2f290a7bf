/* Encoding, decoding and naming of queue file records. */
#include "mail/record.h"

#include <stdarg.h>

#include "base/bug.h"

#define LENGTH_BYTES_MAX 4 /* 7 bits in each */

/* Write type and length to `to`, which has room for 1 + LENGTH_BYTES_MAX; returns their size.
 */
static size_t put_header(char *to, char type, size_t len)
{
    size_t n = 0;

    bug_if(len >> (7 * LENGTH_BYTES_MAX) != 0);
    to[n++] = type;
    while (len > 0x7f) {
        to[n++] = (char)((len & 0x7f) | 0x80);
        len >>= 7;
    }
    to[n++] = (char)len;
    return n;
}

size_t record_header_bytes(size_t len)
{
    size_t n = 2;

    while (len >>= 7)
        n++;
    return n;
}

void record_append(struct buf *buf, char type, struct slice data)
{
    char header[1 + LENGTH_BYTES_MAX];

    buf_add(buf, header, put_header(header, type, data.len));
    buf_add_slice(buf, data);
}

void record_printf(struct buf *buf, char type, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    record_append(buf, type, buf_slice(&text));
}

void record_attribute(struct buf *buf, const char *name, struct slice value)
{
    char header[1 + LENGTH_BYTES_MAX];
    size_t name_bytes = strlen(name);

    buf_add(buf, header, put_header(header, RECORD_ATTRIBUTE, name_bytes + 1 + value.len));
    buf_add(buf, name, name_bytes);
    buf_add_char(buf, '=');
    buf_add_slice(buf, value);
}

ssize_t record_decode(struct slice from, char *type, struct slice *data)
{
    size_t len = 0;
    size_t n = 1;

    if (from.len > 0 && from.ptr[0] == '\0')
        return -1;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte;

        if (shift >= 7 * LENGTH_BYTES_MAX)
            return -1;
        if (n >= from.len)
            return 0;
        byte = (unsigned char)from.ptr[n++];
        len |= (size_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    if (len > from.len - n)
        return 0;
    *type = from.ptr[0];
    *data = slice_sub(from, n, len);
    return (ssize_t)(n + len);
}

static const struct {
    char type;
    const char *name;
} names[] = {
    {RECORD_SIZE, "message_size"},
    {RECORD_TIME, "message_arrival_time"},
    {RECORD_CREATE_TIME, "queue_file_create_time"},
    {RECORD_FULL_NAME, "sender_fullname"},
    {RECORD_INSPECTOR, "content_inspector"},
    {RECORD_FILTER, "content_filter"},
    {RECORD_SENDER, "sender"},
    {RECORD_DONE, "done_recipient"},
    {RECORD_RECIPIENT, "recipient"},
    {RECORD_ORIGINAL_RECIPIENT, "original_recipient"},
    {RECORD_CANCELLED, "canceled_recipient"},
    {RECORD_WARN_TIME, "warning_message_time"},
    {RECORD_ATTRIBUTE, "named_attribute"},
    {RECORD_KILLED, "killed_record"},
    {RECORD_REDIRECT, "redirect_to"},
    {RECORD_VERP, "verp_delimiters"},
    {RECORD_PRIORITY, "priority"},
    {RECORD_RETURN_RECEIPT, "return_receipt"},
    {RECORD_ERRORS_TO, "errors_to"},
    {RECORD_DSN_RET, "dsn_return_flags"},
    {RECORD_DSN_ENVID, "dsn_envelope_id"},
    {RECORD_DSN_ORCPT, "dsn_original_recipient"},
    {RECORD_DSN_NOTIFY, "dsn_notify_flags"},
    {RECORD_MESSAGE, "message_content"},
    {RECORD_EXTRACTED, "extracted_info"},
    {RECORD_END, "message_end"},
    {RECORD_LINE, "regular_text"},
    {RECORD_PADDING, "padding"},
    {RECORD_POINTER, "pointer_record"},
    {'f', "flags"}, /* between programs only */
};

const char *record_name(char type)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    return "unknown_record_type";
}
