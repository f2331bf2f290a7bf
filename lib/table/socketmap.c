/*
 * socketmap:inet:host:port:name and socketmap:unix:path:name: Sendmail's protocol for table
 * servers. "name key" and "STATUS text" travel as netstrings.
 */
#include <string.h>

#include "base/mem.h"
#include "conf/params.h"
#include "table/drivers.h"
#include "table/peer.h"

#define LENGTH_DIGITS 10
#define TIMEOUT_MS    SECONDS(100)

struct socketmap {
    struct table table;
    struct peer peer;
    char *name; /* of the map at the server */
};

struct socketmap_exchange {
    struct slice request;
    struct buf *reply;
};

static void socketmap_close(struct table *table)
{
    struct socketmap *socketmap = CONTAINER_OF(table, struct socketmap, table);

    peer_release(&socketmap->peer);
    mem_free(socketmap->name);
    mem_free(socketmap);
}

static int init_peer(struct peer *peer, struct slice server, struct error *error)
{
    struct slice endpoint = server;
    struct slice transport = slice_split(&endpoint, ':');

    if (slice_equals(transport, "unix") && endpoint.len) {
        peer_init_unix(peer, endpoint);
        return 0;
    }
    if (slice_equals(transport, "inet") && endpoint.len)
        return peer_init_inet(peer, endpoint, error);
    return error_set(error, ERROR_PERMANENT,
                     "need service transport:endpoint instead of \"%.*s\"", SLICE_ARG(server));
}

static struct table *socketmap_open(const char *name, const struct table_options *options,
                                    struct error *error)
{
    struct slice text = slice_from(name);
    size_t colon = slice_find_last(text, ':');
    struct socketmap *socketmap;

    (void)options;
    if (colon == text.len || colon + 1 == text.len) {
        error_set(error, ERROR_PERMANENT, "socketmap requires server:socketmap argument");
        return NULL;
    }
    socketmap = mem_new(struct socketmap);
    if (init_peer(&socketmap->peer, slice_sub(text, 0, colon), error) < 0) {
        mem_free(socketmap);
        return NULL;
    }
    socketmap->name = slice_dup(slice_from_offset(text, colon + 1));
    return &socketmap->table;
}

static int read_failed(const struct stream *stream, struct error *error)
{
    return error_set(error, ERROR_TEMPORARY, "read from socketmap server: %s",
                     stream_trouble(stream));
}

/* The length in front of a netstring, or -1. */
static int read_length(struct stream *stream, size_t *length, struct error *error)
{
    char digits[LENGTH_DIGITS];
    size_t n = 0;
    uint64_t value;

    for (; n < sizeof(digits); n++) {
        if (stream_read_exact(stream, &digits[n], 1) < 0)
            return read_failed(stream, error);
        if (digits[n] == ':')
            break;
    }
    if (n == sizeof(digits) ||
        !slice_to_uint(slice_of(digits, n), 10, (uint64_t)params.socketmap_max_reply_size,
                       &value))
        return error_set(error, ERROR_TEMPORARY, "netstring format error in the reply");
    *length = value;
    return 0;
}

static int exchange(struct stream *stream, void *arg, struct error *error)
{
    const struct socketmap_exchange *call = arg;
    size_t length = 0;

    if (stream_printf(stream, "%zu:", call->request.len) < 0 ||
        stream_write_slice(stream, call->request) < 0 || stream_write(stream, ",", 1) < 0 ||
        stream_flush(stream) < 0)
        return error_set(error, ERROR_TEMPORARY, "write to socketmap server: %s",
                         stream_trouble(stream));
    if (read_length(stream, &length, error) < 0)
        return -1;
    buf_reset(call->reply);
    if (stream_read_exact(stream, buf_reserve(call->reply, length + 1), length + 1) < 0)
        return read_failed(stream, error);
    if (call->reply->data[length] != ',')
        return error_set(error, ERROR_TEMPORARY, "netstring format error in the reply");
    call->reply->len = length;
    call->reply->data[length] = '\0';
    return 0;
}

static enum table_result interpret(const char *spec, struct slice reply, struct buf *value,
                                   struct error *error)
{
    struct slice text = reply;
    struct slice status = slice_split(&text, ' ');
    const char *what = "unrecognized response";

    if (slice_equals(status, "OK")) {
        buf_set(value, text);
        return TABLE_FOUND;
    }
    if (slice_equals(status, "NOTFOUND"))
        return TABLE_NOT_FOUND;
    if (slice_equals(status, "TEMP"))
        what = "temporary error";
    else if (slice_equals(status, "TIMEOUT"))
        what = "timeout error";
    else if (slice_equals(status, "PERM"))
        what = "permanent error";
    else
        text = reply;
    error_set(error, ERROR_TEMPORARY, "%s socketmap server %s: %.*s", spec, what,
              SLICE_ARG(text));
    return TABLE_ERROR;
}

static enum table_result socketmap_lookup(struct table *table, struct slice key,
                                          struct buf *value, struct error *error)
{
    struct socketmap *socketmap = CONTAINER_OF(table, struct socketmap, table);
    CLEANUP(buf_release) struct buf request = BUF_INIT;
    CLEANUP(buf_release) struct buf reply = BUF_INIT;
    struct socketmap_exchange call = {.reply = &reply};

    buf_printf(&request, "%s ", socketmap->name);
    buf_add_slice(&request, key);
    if (request.len > (size_t)params.socketmap_max_query_size)
        return TABLE_NOT_FOUND; /* no table can hold it */
    call.request = buf_slice(&request);
    if (peer_ask(&socketmap->peer, deadline_in(TIMEOUT_MS), exchange, &call, error) < 0)
        return TABLE_ERROR;
    return interpret(table->spec, buf_slice(&reply), value, error);
}

const struct table_driver table_socketmap = {
    .type = "socketmap",
    .is_open_network = true,
    .is_pattern = true,
    .open = socketmap_open,
    .lookup = socketmap_lookup,
    .close = socketmap_close,
};
