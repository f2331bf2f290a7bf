#include "ipc/attributes.h"

#include <inttypes.h>
#include <string.h>

void attribute_put(struct buf *buf, const char *name, struct slice value)
{
    buf_add(buf, name, strlen(name) + 1);
    size_t from = buf->len;
    buf_add_slice(buf, value);
    for (char *nul; (nul = memchr(buf->data + from, '\0', buf->len - from));)
        *nul = '?';
    buf_add_char(buf, '\0');
}

void attribute_put_number(struct buf *buf, const char *name, int64_t value)
{
    buf_add(buf, name, strlen(name) + 1);
    buf_printf(buf, "%" PRId64, value);
    buf_add_char(buf, '\0');
}

void attribute_end(struct buf *buf)
{
    buf_add_char(buf, '\0');
}

/* Read a text up to its NUL. */
static int read_text(struct stream *stream, struct buf *text, size_t max)
{
    struct slice available;

    buf_reset(text);
    for (;;) {
        if (stream_fill(stream, &available) < 0)
            return -1;
        size_t len = slice_find(available, '\0');
        if (text->len + len > max)
            return -1;
        buf_add(text, available.ptr, len);
        stream_consume(stream, len < available.len ? len + 1 : len);
        if (len < available.len)
            return 0;
    }
}

enum attribute_result attribute_read(struct stream *stream, struct buf *name, struct buf *value,
                                     size_t max)
{
    if (read_text(stream, name, max) < 0)
        return ATTRIBUTE_FAILED;
    if (name->len == 0)
        return ATTRIBUTE_LIST_END;
    return read_text(stream, value, max) < 0 ? ATTRIBUTE_FAILED : ATTRIBUTE_FOUND;
}
