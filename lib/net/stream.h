/*
 * A buffered byte stream over a socket, pipe or file, for code that reads from top to bottom.
 *
 * Reading and writing wait as coroutines do (co/co.h). Each wait ends at the stream's deadline,
 * which is absolute: set it for a command, not for a byte. Written bytes collect in the buffer
 * and leave with stream_flush, or when the buffer is full, or when a read would wait.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"

struct stream;

/* How bytes move; the plain one is read(2) and write(2), a TLS layer brings its own. */
struct stream_layer {
    /* As read(2) and write(2) on a non-blocking descriptor; -1 with EAGAIN sets *wait_for to
     * EPOLLIN or EPOLLOUT. */
    ssize_t (*read)(struct stream *stream, void *data, size_t len, unsigned *wait_for);
    ssize_t (*write)(struct stream *stream, const void *data, size_t len, unsigned *wait_for);
    void (*release)(struct stream *stream);
};

enum stream_state {
    STREAM_OK,
    STREAM_END,       /* the peer closed in an orderly way */
    STREAM_TIMEOUT,   /* the deadline passed */
    STREAM_FAILED,    /* reset, broken pipe, ...: stream->saved_errno */
    STREAM_CANCELLED, /* co_cancel */
};

struct stream {
    int fd;
    deadline_t deadline;
    enum stream_state state; /* sticky; STREAM_END concerns reading only */
    int saved_errno;
    const struct stream_layer *layer;
    void *layer_data;
    struct buf in; /* bytes in.data[in_start..in.len) are unread */
    size_t in_start;
    struct buf out;
    size_t buffer_bytes; /* size of a read, and when a write flushes; grows with the traffic */
    bool drained;        /* the last read has emptied the socket */
    bool is_ending;      /* nothing comes behind what is being flushed */
    int64_t bytes_in, bytes_out; /* totals */
};

/*
 * Take over the descriptor (not a terminal, when in a coroutine) and make it non-blocking.
 * Buffers are allocated on first use and given back by stream_shrink, so an idle stream costs
 * little. A write to a socket raises no SIGPIPE; for a pipe the program ignores that.
 */
void stream_init(struct stream *stream, int fd);
/* The same for a descriptor that is non-blocking already. */
void stream_init_nonblocking(struct stream *stream, int fd);
/*
 * Discards unsent bytes, closes the descriptor. For CLEANUP: twice is harmless, and so is a
 * stream that was only zeroed. Passwords and mail have passed: buffers are overwritten.
 */
void stream_release(struct stream *stream);
/* Give back empty buffers, overwritten, while the stream is idle. */
void stream_shrink(struct stream *stream);

/* A new deadline is a new chance: it ends STREAM_TIMEOUT and STREAM_CANCELLED. */
void stream_set_deadline(struct stream *stream, deadline_t deadline);
/*
 * Put another layer under the buffers (NULL: the plain one); both must be empty of unread and
 * unsent bytes.
 */
void stream_set_layer(struct stream *stream, const struct stream_layer *layer, void *data);

enum line_result {
    LINE_OK,
    LINE_TOO_LONG, /* max bytes without a line end: *line is those bytes, the rest follows */
    LINE_END,
    LINE_TIMEOUT,
    LINE_FAILED, /* also when cancelled */
};

/*
 * Read up to and including the next LF. *line is the bytes before it (a CR before the LF is
 * part of it: the caller's protocol decides) and is valid until the next call on the stream. A
 * last line without LF is given as LINE_END with *line holding the bytes.
 */
MUST_USE MAY_WAIT enum line_result stream_read_line(struct stream *stream, struct slice *line,
                                                    size_t max);

/* Read exactly len bytes into data. 0, or -1 with stream->state telling why. */
MUST_USE MAY_WAIT int stream_read_exact(struct stream *stream, void *data, size_t len);
/*
 * Wait until at least one unread byte is there and show what is: valid until the next call.
 * -1 at the end or on failure. Consume with stream_consume.
 */
MUST_USE MAY_WAIT int stream_fill(struct stream *stream, struct slice *available);
/* As stream_fill, but until at least `least` bytes are there (or the end: -1). */
MUST_USE MAY_WAIT int stream_fill_least(struct stream *stream, size_t least,
                                        struct slice *available);
void stream_consume(struct stream *stream, size_t count);
/* Unread bytes in the buffer, without waiting or reading. */
size_t stream_pending(const struct stream *stream);
/*
 * True when the peer has sent something (or closed) that we have not read yet; never waits. On
 * a plain stream the bytes stay in the socket.
 */
bool stream_has_input(struct stream *stream);
/* Somebody has waited: there is something to read. Saves the stream asking again. */
void stream_is_ready(struct stream *stream);
/*
 * True when nothing has come from the peer, as far as the event loop has heard up to its last
 * turn: for who is content to find out a moment later. Costs a system call only where that is
 * not known.
 */
bool stream_seems_quiet(struct stream *stream);

/* Add to the output; waits only when the buffer is full. 0, or -1 when the stream has failed.
 */
MUST_USE MAY_WAIT int stream_write(struct stream *stream, const void *data, size_t len);
MUST_USE MAY_WAIT int stream_write_slice(struct stream *stream, struct slice slice);
MUST_USE MAY_WAIT int stream_printf(struct stream *stream, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* Send all that is buffered. */
MUST_USE MAY_WAIT int stream_flush(struct stream *stream);
/* The same where nothing comes behind it: TLS says goodbye in the same system call. */
MUST_USE MAY_WAIT int stream_flush_last(struct stream *stream);

/* "timed out", "connection closed", "Connection reset by peer": for messages. */
const char *stream_trouble(const struct stream *stream);
