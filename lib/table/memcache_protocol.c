/*
 * One command and its reply at a time.
 */
#include "table/memcache_protocol.h"

#include <string.h>

#include "base/log.h"
#include "co/co.h"

struct exchange {
    const struct memcache_server *server;
    struct slice request; /* whole */
    struct slice data;    /* behind the request, for set */
    struct buf *value;    /* of get; NULL: a command with a one-line reply */
    const char *accepted; /* what that reply may be */
    const char *or_accepted;
    bool is_found;      /* get: there is a value; others: the reply is `accepted` */
    bool was_connected; /* some server was there to ask */
};

static int broken(const struct stream *stream, struct error *error)
{
    return error_set(error, ERROR_TEMPORARY, "memcache server: %s", stream_trouble(stream));
}

static int unexpected(struct slice line, struct error *error)
{
    return error_set(error, ERROR_TEMPORARY, "unexpected memcache server reply: %.*s",
                     (int)(line.len < 30 ? line.len : 30), line.ptr);
}

static int read_reply_line(struct stream *stream, const struct exchange *exchange,
                           struct slice *line, struct error *error)
{
    size_t max = (size_t)exchange->server->line_size_limit;

    switch (stream_read_line(stream, line, max)) {
    case LINE_OK:
        if (slice_ends_with(*line, "\r"))
            line->len--;
        return 0;
    case LINE_TOO_LONG:
        return error_set(error, ERROR_TEMPORARY,
                         "memcache server reply line is longer than %zu bytes", max);
    case LINE_END:
        return error_set(error, ERROR_TEMPORARY, "EOF receiving memcache server reply");
    case LINE_TIMEOUT:
    case LINE_FAILED:
        break;
    }
    return broken(stream, error);
}

/* "VALUE key flags length", the data and a line end, "END"; or "END" alone. */
static int read_value(struct stream *stream, struct exchange *exchange, struct error *error)
{
    struct slice line, rest, word = SLICE_EMPTY;
    uint64_t length;

    if (read_reply_line(stream, exchange, &line, error) < 0)
        return -1;
    if (slice_equals(line, "END"))
        return 0;
    rest = line;
    if (!slice_equals(slice_split(&rest, ' '), "VALUE"))
        return unexpected(line, error);
    for (int i = 0; i < 3; i++)
        word = slice_split(&rest, ' ');
    if (!slice_to_uint(word, 10, (uint64_t)exchange->server->data_size_limit, &length))
        return unexpected(line, error);
    buf_reset(exchange->value);
    if (stream_read_exact(stream, buf_reserve(exchange->value, length + 2), length + 2) < 0)
        return broken(stream, error);
    exchange->value->len = length;
    if (memcmp(exchange->value->data + length, "\r\n", 2) != 0)
        return unexpected(SLICE("data without a line end"), error);
    exchange->value->data[length] = '\0';
    if (read_reply_line(stream, exchange, &line, error) < 0)
        return -1;
    if (!slice_equals(line, "END"))
        return unexpected(line, error);
    exchange->is_found = true;
    return 0;
}

static int read_status(struct stream *stream, struct exchange *exchange, struct error *error)
{
    struct slice line;

    if (read_reply_line(stream, exchange, &line, error) < 0)
        return -1;
    exchange->is_found = slice_equals(line, exchange->accepted);
    if (exchange->is_found || slice_equals(line, exchange->or_accepted))
        return 0;
    return unexpected(line, error);
}

static int talk(struct stream *stream, void *arg, struct error *error)
{
    struct exchange *exchange = arg;

    exchange->was_connected = true;
    if (stream_write_slice(stream, exchange->request) < 0 ||
        (exchange->data.ptr && (stream_write_slice(stream, exchange->data) < 0 ||
                                stream_write(stream, "\r\n", 2) < 0)) ||
        stream_flush(stream) < 0)
        return broken(stream, error);
    return exchange->value ? read_value(stream, exchange, error)
                           : read_status(stream, exchange, error);
}

/* A server that takes no connection is not tried again. */
static int ask(struct memcache_server *server, struct exchange *exchange, struct error *error)
{
    struct error local = ERROR_INIT, *reason = error ? error : &local;

    exchange->server = server;
    for (long n = 1;; n++) {
        exchange->was_connected = false;
        if (peer_ask(&server->peer, deadline_in(SECONDS(server->timeout)), talk, exchange,
                     reason) == 0)
            return 0;
        error_context(reason, "memcache:%s", server->name);
        if (!exchange->was_connected || n >= server->max_try)
            return -1;
        log_warning("%s", reason->text);
        (void)co_sleep_until(deadline_in(SECONDS(server->retry_pause)));
    }
}

enum table_result memcache_get(struct memcache_server *server, struct slice key,
                               struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    CLEANUP(buf_release) struct buf found = BUF_INIT;
    struct exchange exchange = {.value = &found};

    buf_printf(&request, "get %.*s\r\n", SLICE_ARG(key));
    exchange.request = buf_slice(&request);
    if (ask(server, &exchange, error) < 0)
        return TABLE_ERROR;
    if (!exchange.is_found)
        return TABLE_NOT_FOUND;
    buf_set(value, buf_slice(&found));
    return TABLE_FOUND;
}

int memcache_set(struct memcache_server *server, struct slice key, struct slice value,
                 struct error *error)
{
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    struct exchange exchange = {.data = value, .accepted = "STORED", .or_accepted = ""};

    buf_printf(&request, "set %.*s %ld %ld %zu\r\n", SLICE_ARG(key), server->flags, server->ttl,
               value.len);
    exchange.request = buf_slice(&request);
    return ask(server, &exchange, error);
}

int memcache_delete(struct memcache_server *server, struct slice key, bool *was_there,
                    struct error *error)
{
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    struct exchange exchange = {.accepted = "DELETED", .or_accepted = "NOT_FOUND"};

    buf_printf(&request, "delete %.*s\r\n", SLICE_ARG(key));
    exchange.request = buf_slice(&request);
    if (ask(server, &exchange, error) < 0)
        return -1;
    *was_there = exchange.is_found;
    return 0;
}
