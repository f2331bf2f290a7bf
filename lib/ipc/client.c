#include "ipc/client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "co/co.h"
#include "net/socket.h"

/* More idle connections to one service than this serve nobody. */
#define IDLE_MAX 100

struct connection {
    struct channel channel;
    struct list_link link; /* in pool.idle while idle */
    int64_t idle_since;
};

/* The idle connections to one service, the one used last in front. */
struct pool {
    struct list idle;
    size_t n_idle;
};

static struct {
    struct hash pools; /* service -> struct pool */
    size_t n_idle;     /* in all pools */
    int64_t idle_limit_ms;
    struct co *reaper; /* closes what was idle for too long; only where coroutines run */
} client = {.pools = HASH_INIT, .idle_limit_ms = SECONDS(5)};

static struct pool *pool_of(const char *service)
{
    struct pool *pool = hash_get(&client.pools, slice_from(service));

    if (!pool) {
        pool = mem_new(struct pool);
        list_init(&pool->idle);
        hash_set(&client.pools, slice_from(service), pool);
    }
    return pool;
}

static void connection_free(struct connection *connection)
{
    channel_release(&connection->channel);
    mem_free(connection);
}

static struct connection *pool_take(struct pool *pool, struct list_link *link)
{
    list_remove(link);
    pool->n_idle--;
    client.n_idle--;
    return CONTAINER_OF(link, struct connection, link);
}

/* Close what has been idle since `since` or longer. */
static void close_idle(struct pool *pool, int64_t since)
{
    while (!list_is_empty(&pool->idle)) {
        struct list_link *last = pool->idle.head.previous;

        if (CONTAINER_OF(last, struct connection, link)->idle_since > since)
            break;
        connection_free(pool_take(pool, last));
    }
}

static void close_all_idle(int64_t since)
{
    struct hash_cursor cursor = {0};
    struct slice service;
    void *pool;

    while (hash_next(&client.pools, &cursor, &service, &pool))
        close_idle(pool, since);
}

static void reap(void *arg)
{
    (void)arg;
    while (client.n_idle > 0) {
        if (co_sleep_until(deadline_in(client.idle_limit_ms)) == WAKE_CANCELLED)
            break;
        close_all_idle(time_now_ms() - client.idle_limit_ms);
    }
    if (client.reaper == co_self())
        client.reaper = NULL;
}

void client_set_idle_limit(int64_t ms)
{
    client.idle_limit_ms = ms;
}

void client_reset(void)
{
    close_all_idle(INT64_MAX);
    if (client.reaper)
        co_cancel(client.reaper);
    client.reaper = NULL;
}

/* An idle connection on which the server has been silent; one that spoke up says goodbye. */
static struct connection *find_idle(const char *service)
{
    struct pool *pool = pool_of(service);

    close_idle(pool, time_now_ms() - client.idle_limit_ms);
    while (!list_is_empty(&pool->idle)) {
        struct connection *connection = pool_take(pool, pool->idle.head.next);

        if (stream_seems_quiet(&connection->channel.stream))
            return connection;
        connection_free(connection);
    }
    return NULL;
}

static int begin_fresh(struct client_call *call, const char *service, deadline_t until,
                       struct error *error)
{
    int fd = socket_connect_unix(service, until, error);

    *call = (struct client_call){.service = service};
    if (fd < 0) {
        error_context(error, "connect to %s", service);
        return -1;
    }
    struct connection *connection = mem_new(struct connection);

    channel_init(&connection->channel, fd);
    stream_set_deadline(&connection->channel.stream, until);
    call->channel = &connection->channel;
    return 0;
}

int client_call_begin(struct client_call *call, const char *service, deadline_t until,
                      struct error *error)
{
    struct connection *connection = find_idle(service);

    if (!connection)
        return begin_fresh(call, service, until, error);
    stream_set_deadline(&connection->channel.stream, until);
    *call = (struct client_call){.channel = &connection->channel,
                                 .service = service,
                                 .is_reused = true,
                                 .bytes_before = connection->channel.stream.bytes_in};
    return 0;
}

bool client_call_may_repeat(const struct client_call *call)
{
    const struct stream *stream = &call->channel->stream;
    bool was_closed = call->is_reused && stream->bytes_in == call->bytes_before &&
                      (stream->state == STREAM_END || stream->state == STREAM_FAILED);

    return (call->channel->said_goodbye || was_closed) && call->n_repeats < CLIENT_REPEATS_MAX;
}

int client_call_begin_anew(struct client_call *call, deadline_t until, struct error *error)
{
    int n_repeats = call->n_repeats + 1;

    client_call_release(call);
    if (begin_fresh(call, call->service, until, error) < 0)
        return -1;
    call->n_repeats = n_repeats;
    return 0;
}

static bool is_reusable(const struct channel *channel)
{
    return channel->stream.state == STREAM_OK && !channel->said_goodbye &&
           stream_pending(&channel->stream) == 0 && client.idle_limit_ms > 0;
}

void client_call_done(struct client_call *call)
{
    struct channel *channel = call->channel;
    struct pool *pool = pool_of(call->service);

    bug_if(!channel);
    channel_drop_frame(channel);
    if (!is_reusable(channel) || pool->n_idle >= IDLE_MAX) {
        client_call_release(call);
        return;
    }
    struct connection *connection = CONTAINER_OF(channel, struct connection, channel);

    connection->idle_since = time_now_ms();
    list_prepend(&pool->idle, &connection->link);
    pool->n_idle++;
    client.n_idle++;
    call->channel = NULL;
    /* Without a stack for it, connections close when the service is used next. */
    if (!client.reaper && co_self())
        client.reaper = co_spawn("client-idle", reap, NULL);
}

void client_call_release(struct client_call *call)
{
    if (call->channel)
        connection_free(CONTAINER_OF(call->channel, struct connection, channel));
    call->channel = NULL;
}

static int converse(struct client_call *call, const struct client_exchange *exchange,
                    struct error *error)
{
    struct slice body;

    if (channel_send(call->channel, exchange->number, exchange->message, error) < 0 ||
        channel_expect_body(call->channel, exchange->reply_number, &body, error) < 0)
        return -1;
    buf_set(exchange->storage, body);
    if (message_decode(exchange->reply_number, buf_slice(exchange->storage), exchange->reply,
                       error) == 0)
        return 0;
    if (error)
        error->kind = ERROR_TEMPORARY;
    return -1;
}

int client_request(const char *service, const struct client_exchange *exchange,
                   deadline_t until, struct error *error)
{
    CLEANUP(client_call_release) struct client_call call;

    if (client_call_begin(&call, service, until, error) < 0)
        return -1;
    while (converse(&call, exchange, error) < 0) {
        if (!client_call_may_repeat(&call))
            return error_context(error, "%s", service);
        if (client_call_begin_anew(&call, until, error) < 0)
            return -1;
    }
    client_call_done(&call);
    return 0;
}

static int trigger_fifo(const char *path, struct slice bytes, struct error *error)
{
    CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", path);
    /* A full fifo has enough to wake its reader. */
    if (write(fd, bytes.ptr, bytes.len) < 0 && errno != EAGAIN)
        return error_set(error, ERROR_TEMPORARY, "write to %s: %m", path);
    return 0;
}

static int trigger_socket(const char *path, struct slice bytes, deadline_t until,
                          struct error *error)
{
    int fd = socket_connect_unix(path, until, error);

    if (fd < 0)
        return error_context(error, "connect to %s", path);
    CLEANUP(stream_release) struct stream stream;

    stream_init(&stream, fd);
    stream_set_deadline(&stream, until);
    if (stream_write_slice(&stream, bytes) < 0 || stream_flush(&stream) < 0)
        return error_set(error, ERROR_TEMPORARY, "write to %s: %s", path,
                         stream_trouble(&stream));
    return 0;
}

int client_trigger(const char *service, struct slice bytes, deadline_t until,
                   struct error *error)
{
    struct stat status;

    if (stat(service, &status) < 0)
        return error_set(error, ERROR_TEMPORARY, "unable to look up %s: %m", service);
    if (S_ISFIFO(status.st_mode))
        return trigger_fifo(service, bytes, error);
    return trigger_socket(service, bytes, until, error);
}
