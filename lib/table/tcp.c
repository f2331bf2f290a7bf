/*
 * tcp:host:port: a server that answers one line for each line (tcp_table(5) of Postfix). Nobody
 * vouches for what it says, so it is refused for sensitive uses.
 */
#include <string.h>

#include "base/mem.h"
#include "table/drivers.h"
#include "table/peer.h"

#define LINE_MAX_BYTES 4096
#define TIMEOUT_MS     SECONDS(100)

struct tcp_table {
    struct table table;
    struct peer peer;
};

struct tcp_exchange {
    const char *server;
    struct slice request;
    struct buf *reply;
};

static void tcp_close(struct table *table)
{
    struct tcp_table *tcp = CONTAINER_OF(table, struct tcp_table, table);

    peer_release(&tcp->peer);
    mem_free(tcp);
}

static struct table *tcp_open(const char *name, const struct table_options *options,
                              struct error *error)
{
    struct tcp_table *tcp = mem_new(struct tcp_table);

    (void)options;
    if (peer_init_inet(&tcp->peer, slice_from(name), error) < 0) {
        mem_free(tcp);
        return NULL;
    }
    tcp->peer.label = "TCP map ";
    return &tcp->table;
}

/* What is not printing, and what the protocol uses itself, becomes %xx. */
static void encode(struct buf *line, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (ascii_is_print(c) && c != ' ' && c != '%')
            buf_add_char(line, c);
        else
            buf_printf(line, "%%%02X", (unsigned char)c);
    }
}

/* False when a % is not followed by two hexadecimal digits. */
static bool decode(struct buf *value, struct slice text)
{
    buf_reset(value);
    for (size_t i = 0; i < text.len; i++) {
        uint64_t byte;

        if (text.ptr[i] != '%') {
            buf_add_char(value, text.ptr[i]);
            continue;
        }
        if (text.len - i < 3 || !slice_to_uint(slice_sub(text, i + 1, 2), 16, 0xff, &byte))
            return false;
        buf_add_char(value, (char)byte);
        i += 2;
    }
    return true;
}

static int exchange(struct stream *stream, void *arg, struct error *error)
{
    const struct tcp_exchange *call = arg;
    struct slice line;

    if (stream_write_slice(stream, call->request) < 0 || stream_flush(stream) < 0)
        return error_set(error, ERROR_TEMPORARY, "write TCP map request to %s: %s",
                         call->server, stream_trouble(stream));
    switch (stream_read_line(stream, &line, LINE_MAX_BYTES)) {
    case LINE_OK:
        buf_set(call->reply, slice_trim_right(line));
        return 0;
    case LINE_TOO_LONG:
        return error_set(error, ERROR_TEMPORARY,
                         "read TCP map reply from %s: longer than %d bytes", call->server,
                         LINE_MAX_BYTES);
    case LINE_END:
    case LINE_TIMEOUT:
    case LINE_FAILED:
    default:
        return error_set(error, ERROR_TEMPORARY, "read TCP map reply from %s: %s", call->server,
                         stream_trouble(stream));
    }
}

static enum table_result interpret(struct slice reply, struct buf *value, struct error *error)
{
    struct slice text = slice_from_offset(reply, 4);

    if (slice_starts_with(reply, "500"))
        return TABLE_NOT_FOUND;
    if (slice_starts_with(reply, "200 ")) {
        if (decode(value, text))
            return TABLE_FOUND;
        error_set(error, ERROR_TEMPORARY, "bad syntax in reply: %.*s", SLICE_ARG(reply));
    } else if (slice_starts_with(reply, "400")) {
        error_set(error, ERROR_TEMPORARY, "server error: %.*s", SLICE_ARG(text));
    } else {
        error_set(error, ERROR_TEMPORARY, "bad status code: %.*s", SLICE_ARG(reply));
    }
    return TABLE_ERROR;
}

static enum table_result tcp_lookup(struct table *table, struct slice key, struct buf *value,
                                    struct error *error)
{
    struct tcp_table *tcp = CONTAINER_OF(table, struct tcp_table, table);
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    struct tcp_exchange call = {.server = tcp->peer.text, .reply = &reply};
    enum table_result result;

    buf_set_text(&request, "get ");
    encode(&request, key);
    buf_add_char(&request, '\n');
    if (request.len > LINE_MAX_BYTES)
        return TABLE_NOT_FOUND; /* no table can hold it */
    call.request = buf_slice(&request);
    if (peer_ask(&tcp->peer, deadline_in(TIMEOUT_MS), exchange, &call, error) < 0)
        return TABLE_ERROR;
    result = interpret(buf_slice(&reply), value, error);
    if (result == TABLE_ERROR)
        error_context(error, "read TCP map reply from %s", tcp->peer.text);
    return result;
}

const struct table_driver table_tcp = {
    .type = "tcp",
    .is_open_network = true,
    .is_pattern = true,
    .open = tcp_open,
    .lookup = tcp_lookup,
    .close = tcp_close,
};
