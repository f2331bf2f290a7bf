#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

#define SMALLEST_BYTES 64

/* Never written to: buf_release and friends take care not to touch it. */
char buf_nothing[1];

void buf_init(struct buf *buf)
{
    *buf = BUF_INIT;
}

static void free_data(const struct buf *buf)
{
    if (!buf->capacity)
        return;
    if (buf->is_secret)
        explicit_bzero(buf->data, buf->capacity);
    mem_free(buf->data);
}

void buf_release(struct buf *buf)
{
    free_data(buf);
    *buf = buf->is_secret ? BUF_SECRET_INIT : BUF_INIT;
}

void buf_reset(struct buf *buf)
{
    buf_truncate(buf, 0);
}

static void resize(struct buf *buf, size_t capacity)
{
    if (buf->is_secret) { /* realloc(3) might leave a copy behind */
        char *data = mem_resize(NULL, capacity, 1);

        memcpy(data, buf->data, buf->len);
        free_data(buf);
        buf->data = data;
    } else {
        buf->data = mem_resize(buf->capacity ? buf->data : NULL, capacity, 1);
    }
    buf->capacity = capacity;
}

char *buf_reserve(struct buf *buf, size_t more)
{
    size_t needed;

    bug_if(__builtin_add_overflow(buf->len, more, &needed) || needed >= SIZE_MAX / 2);
    needed++; /* the NUL */
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity * 2 : SMALLEST_BYTES;

        if (capacity < needed)
            capacity = needed;
        resize(buf, capacity);
        buf->data[buf->len] = '\0';
    }
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_add_slice(struct buf *buf, struct slice slice)
{
    buf_add(buf, slice.ptr, slice.len);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_add_repeated(struct buf *buf, char c, size_t count)
{
    if (count == 0)
        return;
    memset(buf_reserve(buf, count), c, count);
    buf->len += count;
    buf->data[buf->len] = '\0';
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;

    va_copy(again, arguments);
    char *end = buf_reserve(buf, SMALLEST_BYTES);
    size_t space = buf->capacity - buf->len;
    int len = vsnprintf(end, space, format, arguments);
    bug_if(len < 0);
    if ((size_t)len >= space) {
        end = buf_reserve(buf, (size_t)len);
        len = vsnprintf(end, (size_t)len + 1, format, again);
        bug_if(len < 0);
    }
    va_end(again);
    buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void buf_set(struct buf *buf, struct slice slice)
{
    buf_reset(buf);
    buf_add_slice(buf, slice);
}

void buf_set_text(struct buf *buf, const char *text)
{
    buf_set(buf, slice_from(text));
}

void buf_truncate(struct buf *buf, size_t len)
{
    bug_if(len > buf->len);
    buf->len = len;
    if (buf->capacity)
        buf->data[len] = '\0';
}

void buf_remove_front(struct buf *buf, size_t count)
{
    bug_if(count > buf->len);
    if (count == 0)
        return;
    memmove(buf->data, buf->data + count, buf->len - count);
    buf_truncate(buf, buf->len - count);
}

void buf_insert(struct buf *buf, size_t offset, struct slice slice)
{
    bug_if(offset > buf->len);
    if (slice.len == 0)
        return;
    buf_reserve(buf, slice.len);
    memmove(buf->data + offset + slice.len, buf->data + offset, buf->len - offset);
    memcpy(buf->data + offset, slice.ptr, slice.len);
    buf->len += slice.len;
    buf->data[buf->len] = '\0';
}

void buf_lower(struct buf *buf)
{
    for (size_t i = 0; i < buf->len; i++)
        buf->data[i] = ascii_lower(buf->data[i]);
}

struct slice buf_slice(const struct buf *buf)
{
    return slice_of(buf->data, buf->len);
}

char *buf_take(struct buf *buf)
{
    char *data = buf->capacity ? buf->data : mem_dup("", 0);

    buf_init(buf);
    return data;
}
