/*
 * Netstrings, "5:hello,", as they come from a peer (http://cr.yp.to/proto/netstrings.txt).
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "net/stream.h"

enum netstring_result {
    NETSTRING_OK,
    NETSTRING_LOST,
    NETSTRING_TIMEOUT,
    NETSTRING_FORMAT,
    NETSTRING_SIZE, /* it says that it is longer than allowed */
};

/* What log and peer are told. */
const char *netstring_trouble(enum netstring_result result);

struct netstring_reader {
    struct stream *stream;
    int64_t timeout_ms; /* the peer must send something before that has passed */
    int64_t n_read;     /* bytes taken from the stream */
};

/* "5:" in front; no digits at all are 0, as in Postfix. limit: NETSTRING_SIZE beyond that. */
MUST_USE MAY_WAIT enum netstring_result netstring_read_length(struct netstring_reader *reader,
                                                              int64_t limit, int64_t *length);
/* The bytes, added to data. Memory is taken as they come, not as they are announced. */
MUST_USE MAY_WAIT enum netstring_result netstring_read_data(struct netstring_reader *reader,
                                                            int64_t length, struct buf *data);
/* The "," behind. */
MUST_USE MAY_WAIT enum netstring_result netstring_read_end(struct netstring_reader *reader);
/* A whole one; data is replaced. */
MUST_USE MAY_WAIT enum netstring_result netstring_read(struct netstring_reader *reader,
                                                       int64_t limit, struct buf *data);
