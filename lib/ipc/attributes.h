/*
 * Postfix's attribute encoding on a socket ("name\0value\0", a list ends with one more "\0"),
 * for the services that other programs open directly: public/showq.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "net/stream.h"

/* NUL bytes of the value become '?'. */
void attribute_put(struct buf *buf, const char *name, struct slice value);
void attribute_put_number(struct buf *buf, const char *name, int64_t value);
void attribute_end(struct buf *buf);

enum attribute_result {
    ATTRIBUTE_FOUND,
    ATTRIBUTE_LIST_END,
    ATTRIBUTE_FAILED, /* the connection broke, or a text longer than max */
};

/* Read the next attribute; *name and *value are replaced. */
MUST_USE MAY_WAIT enum attribute_result attribute_read(struct stream *stream, struct buf *name,
                                                       struct buf *value, size_t max);
