/*
 * A growing byte buffer that owns its bytes and is always NUL-terminated (the NUL is not part
 * of len). The caller bounds what it puts in; the buffer itself grows without limit.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/slice.h"

struct buf {
    char *data; /* never NULL: points to an empty string until the first byte */
    size_t len;
    size_t capacity; /* 0 while nothing is allocated */
    bool is_secret;  /* no byte of it stays behind in freed memory */
};

/* A buffer that has not allocated anything. */
#define BUF_INIT ((struct buf){buf_nothing, 0, 0, false})
/* The same for passwords and keys: it is overwritten where it grows and when it is released. */
#define BUF_SECRET_INIT ((struct buf){buf_nothing, 0, 0, true})
extern char buf_nothing[1];

void buf_init(struct buf *buf);
void buf_release(struct buf *buf); /* frees; the buffer is empty and usable again */
void buf_reset(struct buf *buf);   /* empties and keeps the memory */

/* Make sure that `more` bytes can be added without moving the data; returns where they go. */
char *buf_reserve(struct buf *buf, size_t more);

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_slice(struct buf *buf, struct slice slice);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_repeated(struct buf *buf, char c, size_t count);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

/* Replace the contents. The source may not lie in the buffer itself. */
void buf_set(struct buf *buf, struct slice slice);
void buf_set_text(struct buf *buf, const char *text);

void buf_truncate(struct buf *buf, size_t len);       /* len <= buf->len */
void buf_remove_front(struct buf *buf, size_t count); /* count <= buf->len */
void buf_insert(struct buf *buf, size_t offset, struct slice slice);

void buf_lower(struct buf *buf); /* ASCII letters only */

/* A view, valid until the buffer changes. */
struct slice buf_slice(const struct buf *buf);

/* Hand the bytes over to the caller, who frees them; the buffer is empty, and as new. */
MUST_USE char *buf_take(struct buf *buf);
