#include "net/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "co/co.h"

/* How far buffers grow when they are found full. */
#define FIRST_BUFFER_BYTES   4096
#define LARGEST_BUFFER_BYTES 65536
#define GROWTH               4

static ssize_t plain_read(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    *wait_for = EPOLLIN;
    return read(stream->fd, data, len);
}

static ssize_t file_write(struct stream *stream, const void *data, size_t len,
                          unsigned *wait_for)
{
    *wait_for = EPOLLOUT;
    return write(stream->fd, data, len);
}

static const struct stream_layer file_layer = {.read = plain_read, .write = file_write};

/* A peer that went away is an error like others, not a SIGPIPE. */
static ssize_t socket_write(struct stream *stream, const void *data, size_t len,
                            unsigned *wait_for)
{
    *wait_for = EPOLLOUT;
    ssize_t sent = send(stream->fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno == ENOTSOCK) {
        stream->layer = &file_layer;
        return write(stream->fd, data, len);
    }
    return sent;
}

static const struct stream_layer socket_layer = {.read = plain_read, .write = socket_write};

static bool is_plain(const struct stream *stream)
{
    return stream->layer == &socket_layer || stream->layer == &file_layer;
}

void stream_init_nonblocking(struct stream *stream, int fd)
{
    *stream = (struct stream){
        .fd = fd,
        .deadline = DEADLINE_NONE,
        .layer = &socket_layer,
        .in = BUF_SECRET_INIT,
        .out = BUF_SECRET_INIT,
        .buffer_bytes = FIRST_BUFFER_BYTES,
    };
}

void stream_init(struct stream *stream, int fd)
{
    stream_init_nonblocking(stream, fd);
    /* A descriptor that cannot be made so is a bad one: the first read or write will tell. */
    (void)!fd_set_nonblocking(fd, true);
}

void stream_release(struct stream *stream)
{
    if (stream->layer && stream->layer->release)
        stream->layer->release(stream);
    stream->layer = NULL;
    if (stream->fd >= 0 && stream->buffer_bytes) {
        co_close_fd(stream->fd);
    }
    if (stream->in.data)
        buf_release(&stream->in);
    if (stream->out.data)
        buf_release(&stream->out);
    *stream = (struct stream){.fd = -1, .in = BUF_INIT, .out = BUF_INIT};
}

void stream_shrink(struct stream *stream)
{
    if (stream->in_start == stream->in.len) {
        buf_release(&stream->in);
        stream->in_start = 0;
    }
    if (stream->out.len == 0)
        buf_release(&stream->out);
    stream->buffer_bytes = FIRST_BUFFER_BYTES;
}

void stream_set_deadline(struct stream *stream, deadline_t deadline)
{
    stream->deadline = deadline;
    if (stream->state == STREAM_TIMEOUT || stream->state == STREAM_CANCELLED)
        stream->state = STREAM_OK;
}

void stream_set_layer(struct stream *stream, const struct stream_layer *layer, void *data)
{
    bug_if(stream_pending(stream) > 0 || stream->out.len > 0);
    stream->layer = layer ? layer : &socket_layer;
    stream->layer_data = data;
    stream->drained = false;
}

static int fail(struct stream *stream, enum stream_state state, int error_number)
{
    stream->state = state;
    stream->saved_errno = error_number;
    return -1;
}

/* 0 when the descriptor may be tried again, or -1. */
static int wait_for(struct stream *stream, unsigned events)
{
    switch (co_wait_drained(stream->fd, events, stream->deadline)) {
    case WAKE_READY:
        return 0;
    case WAKE_TIMEOUT:
        return fail(stream, STREAM_TIMEOUT, ETIMEDOUT);
    case WAKE_CANCELLED:
    default:
        return fail(stream, STREAM_CANCELLED, ECANCELED);
    }
}

static bool would_wait(void)
{
    return errno == EAGAIN;
}

/* Send some of the bytes: how many, or -1. */
static ssize_t send_some(struct stream *stream, const void *data, size_t len)
{
    for (;;) {
        unsigned events = EPOLLOUT;
        ssize_t sent = stream->layer->write(stream, data, len, &events);

        if (sent >= 0) {
            stream->bytes_out += sent;
            return sent;
        }
        if (errno == EINTR)
            continue;
        if (!would_wait())
            return fail(stream, STREAM_FAILED, errno);
        if (wait_for(stream, events) < 0)
            return -1;
    }
}

static bool can_write(const struct stream *stream)
{
    return stream->state == STREAM_OK || stream->state == STREAM_END;
}

static int send_all(struct stream *stream, const char *data, size_t len)
{
    while (len) {
        ssize_t sent = send_some(stream, data, len);

        if (sent < 0)
            return -1;
        data += sent;
        len -= (size_t)sent;
    }
    return 0;
}

int stream_flush(struct stream *stream)
{
    size_t sent = 0;

    if (!can_write(stream))
        return -1;
    while (sent < stream->out.len) {
        ssize_t n = send_some(stream, stream->out.data + sent, stream->out.len - sent);

        if (n < 0) {
            buf_remove_front(&stream->out, sent);
            return -1;
        }
        sent += (size_t)n;
    }
    buf_reset(&stream->out);
    return 0;
}

int stream_flush_last(struct stream *stream)
{
    stream->is_ending = true;
    return stream_flush(stream);
}

static void grow(struct stream *stream)
{
    if (stream->buffer_bytes < LARGEST_BUFFER_BYTES / GROWTH)
        stream->buffer_bytes *= GROWTH;
    else if (stream->buffer_bytes < LARGEST_BUFFER_BYTES)
        stream->buffer_bytes = LARGEST_BUFFER_BYTES;
}

/* The buffer is full when it holds so much that one more write would not save a system call. */
static int flush_when_full(struct stream *stream)
{
    if (stream->out.len < stream->buffer_bytes)
        return 0;
    grow(stream);
    return stream_flush(stream);
}

int stream_write(struct stream *stream, const void *data, size_t len)
{
    if (!can_write(stream))
        return -1;
    if (len < LARGEST_BUFFER_BYTES) {
        buf_add(&stream->out, data, len);
        return flush_when_full(stream);
    }
    if (stream_flush(stream) < 0)
        return -1;
    return send_all(stream, data, len);
}

int stream_write_slice(struct stream *stream, struct slice slice)
{
    return stream_write(stream, slice.ptr, slice.len);
}

int stream_printf(struct stream *stream, const char *format, ...)
{
    va_list arguments;

    if (!can_write(stream))
        return -1;
    va_start(arguments, format);
    buf_vprintf(&stream->out, format, arguments);
    va_end(arguments);
    return flush_when_full(stream);
}

size_t stream_pending(const struct stream *stream)
{
    return stream->in.len - stream->in_start;
}

static struct slice unread(const struct stream *stream)
{
    return slice_of(stream->in.data + stream->in_start, stream_pending(stream));
}

static void make_room(struct stream *stream)
{
    if (stream->in_start > 0) {
        buf_remove_front(&stream->in, stream->in_start);
        stream->in_start = 0;
    }
    buf_reserve(&stream->in, stream->buffer_bytes);
}

/* One read without waiting: what read(2) returns. EAGAIN sets *events. */
static ssize_t read_now(struct stream *stream, unsigned *events)
{
    size_t wanted = stream->buffer_bytes;
    ssize_t got;

    make_room(stream);
    do
        got = stream->layer->read(stream, stream->in.data + stream->in.len, wanted, events);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got;
    stream->in.len += (size_t)got;
    stream->in.data[stream->in.len] = '\0';
    stream->bytes_in += got;
    /* A short read has emptied the socket: the next one may wait without asking first. Layers
     * that know say so by themselves. */
    if (is_plain(stream))
        stream->drained = (size_t)got < wanted;
    if ((size_t)got == wanted)
        grow(stream);
    return got;
}

/* Get more input; before waiting for it send what the peer may be waiting for. */
static int read_more(struct stream *stream)
{
    unsigned events = EPOLLIN;

    if (stream->state != STREAM_OK)
        return -1;
    for (;;) {
        if (!stream->drained) {
            ssize_t got = read_now(stream, &events);

            if (got > 0)
                return 0;
            if (got == 0)
                return fail(stream, STREAM_END, 0);
            if (!would_wait())
                return fail(stream, STREAM_FAILED, errno);
        }
        if (stream_flush(stream) < 0 || wait_for(stream, events) < 0)
            return -1;
        stream->drained = false;
    }
}

void stream_consume(struct stream *stream, size_t count)
{
    bug_if(count > stream_pending(stream));
    stream->in_start += count;
    if (stream->in_start == stream->in.len) {
        buf_reset(&stream->in);
        stream->in_start = 0;
    }
}

int stream_fill_least(struct stream *stream, size_t least, struct slice *available)
{
    while (stream_pending(stream) < least) {
        if (read_more(stream) < 0)
            return -1;
    }
    *available = unread(stream);
    return 0;
}

int stream_fill(struct stream *stream, struct slice *available)
{
    return stream_fill_least(stream, 1, available);
}

int stream_read_exact(struct stream *stream, void *data, size_t len)
{
    char *rest = data;

    while (len) {
        struct slice available;

        if (stream_fill(stream, &available) < 0)
            return -1;
        size_t n = available.len < len ? available.len : len;
        memcpy(rest, available.ptr, n);
        stream_consume(stream, n);
        rest += n;
        len -= n;
    }
    return 0;
}

/* Hand out the first bytes as a line; they stay where they are until the next read. */
static void take(struct stream *stream, struct slice *line, size_t line_len, size_t consumed)
{
    *line = slice_sub(unread(stream), 0, line_len);
    stream->in_start += consumed;
}

static enum line_result line_failure(struct stream *stream, struct slice *line)
{
    switch (stream->state) {
    case STREAM_END:
        take(stream, line, stream_pending(stream), stream_pending(stream));
        return LINE_END;
    case STREAM_TIMEOUT:
        return LINE_TIMEOUT;
    case STREAM_OK:
    case STREAM_FAILED:
    case STREAM_CANCELLED:
    default:
        return LINE_FAILED;
    }
}

enum line_result stream_read_line(struct stream *stream, struct slice *line, size_t max)
{
    size_t searched = 0;

    bug_if(max == SIZE_MAX);
    *line = SLICE_EMPTY;
    for (;;) {
        struct slice available = slice_sub(unread(stream), 0, max + 1);
        struct slice fresh = slice_from_offset(available, searched);
        size_t found = slice_find(fresh, '\n');

        if (found < fresh.len) {
            take(stream, line, searched + found, searched + found + 1);
            return LINE_OK;
        }
        if (available.len > max) {
            take(stream, line, max, max);
            return LINE_TOO_LONG;
        }
        searched = available.len;
        if (read_more(stream) < 0)
            return line_failure(stream, line);
    }
}

bool stream_has_input(struct stream *stream)
{
    if (stream_pending(stream) > 0)
        return true;
    if (is_plain(stream)) {
        /* Not by reading: whoever gets the descriptor next wants these bytes. */
        struct pollfd wanted = {.fd = stream->fd, .events = POLLIN};

        return poll(&wanted, 1, 0) > 0;
    }
    unsigned events;
    if (stream->state != STREAM_OK)
        return stream->state == STREAM_END;
    ssize_t got = read_now(stream, &events);
    if (got == 0)
        return fail(stream, STREAM_END, 0) < 0;
    if (got < 0 && !would_wait())
        return fail(stream, STREAM_FAILED, errno) < 0;
    return got > 0;
}

void stream_is_ready(struct stream *stream)
{
    stream->drained = false;
}

bool stream_seems_quiet(struct stream *stream)
{
    if (stream->drained && stream_pending(stream) == 0 && co_is_quiet(stream->fd))
        return true;
    return !stream_has_input(stream);
}

const char *stream_trouble(const struct stream *stream)
{
    switch (stream->state) {
    case STREAM_OK:
        return "no error";
    case STREAM_END:
        return "connection closed";
    case STREAM_TIMEOUT:
        return "timed out";
    case STREAM_CANCELLED:
        return "cancelled";
    case STREAM_FAILED:
    default:
        return strerror(stream->saved_errno);
    }
}
