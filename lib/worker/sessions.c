/*
 * The coroutines of a worker's connections, in the event loop: sessions of `serve`, channels of
 * `request`, streams of trigger bytes.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/process.h"

/* One connection. */
struct connection {
    struct list_link link; /* in connections */
    struct co *co;
    bool is_idle; /* waits for the peer's next request */
    struct worker_client client;
    struct channel channel;
};

static struct list connections = {{&connections.head, &connections.head}};
static size_t n_connections;

size_t worker_count_connections(void)
{
    return n_connections;
}

static struct connection *connection_new(void)
{
    struct connection *connection = mem_new(struct connection);

    list_append(&connections, &connection->link);
    n_connections++;
    return connection;
}

static void connection_free(struct connection *connection)
{
    list_remove(&connection->link);
    n_connections--;
    mem_free(connection);
}

static int spawn(struct connection *connection, co_fn *run)
{
    connection->co = co_spawn(process.worker->name, run, connection);
    if (connection->co)
        return 0;
    log_warning("no stack for another session: closing the connection");
    return -1;
}

/* -- serve: the slot was taken before the connection was accepted -- */

static void run_session(void *arg)
{
    struct connection *connection = arg;

    worker_job_began();
    if (worker_take_passed(&connection->client) == 0) {
        process.worker->serve(&connection->client);
        stream_release(&connection->client.stream);
    }
    connection_free(connection);
    worker_slot_give();
    worker_job_ended();
    worker_loop_session_ended();
}

int worker_spawn_session(struct worker_client *client)
{
    struct connection *connection = connection_new();

    connection->client = *client;
    if (spawn(connection, run_session) == 0)
        return 0;
    connection_free(connection);
    return -1;
}

/* -- request -- */

void worker_say_goodbye(int fd)
{
    const struct ipc_goodbye goodbye = {};
    CLEANUP(buf_release) struct buf frame = BUF_INIT;

    message_encode(&frame, MESSAGE_ipc_goodbye, &goodbye);
    /* A peer that does not hear it finds the connection closed. */
    (void)!send(fd, frame.data, frame.len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void worker_dismiss_idle(void)
{
    LIST_FOREACH(&connections, link)
    {
        struct connection *connection = CONTAINER_OF(link, struct connection, link);

        if (!connection->is_idle)
            continue;
        connection->is_idle = false;
        if (process.worker->request)
            worker_say_goodbye(connection->channel.stream.fd);
        co_cancel(connection->co);
    }
}

void worker_cancel_sessions(void)
{
    LIST_FOREACH(&connections, link)
    co_cancel(CONTAINER_OF(link, struct connection, link)->co);
}

/* Serve one message that has arrived. False when the connection is over. */
static bool serve_request(struct channel *channel, enum message_number number,
                          struct slice body)
{
    if (!worker_slot_wait()) {
        worker_say_goodbye(channel->stream.fd);
        return false;
    }
    worker_job_began();
    bool goes_on = process.worker->request(channel, number, body) == 0 &&
                   channel_flush(channel, NULL) == 0;

    worker_slot_give();
    worker_job_ended();
    return goes_on;
}

/* Master's wakeup comes as a bare "W", which is too short for a frame. */
static void trigger_leftover(struct channel *channel)
{
    struct slice bytes;
    size_t len = stream_pending(&channel->stream);

    if (len == 0 || !process.worker->trigger)
        return;
    if (stream_fill(&channel->stream, &bytes) == 0)
        worker_trigger(bytes);
}

/* Wait for a message and serve it. False when the connection is over. */
static bool serve_next(struct connection *connection)
{
    struct channel *channel = &connection->channel;
    enum message_number number;
    struct slice body;

    connection->is_idle = true;
    int received = channel_receive(channel, &number, &body, NULL);

    if (!connection->is_idle) /* dismissed */
        return false;
    connection->is_idle = false;
    if (received < 0)
        trigger_leftover(channel);
    return received >= 0 && number != MESSAGE_NONE && serve_request(channel, number, body);
}

static void run_channel(void *arg)
{
    struct connection *connection = arg;
    struct channel *channel = &connection->channel;
    bool is_over = false;

    while (!process.is_draining && !is_over)
        is_over = !serve_next(connection);
    /* Also to one that was accepted a moment ago and whose request we have not seen. */
    if (!is_over)
        worker_say_goodbye(channel->stream.fd);
    channel_release(channel);
    connection_free(connection);
    worker_loop_session_ended();
}

/* -- trigger -- */

/* A chunk that filled the buffer may end within a line: leave that for the next one. */
static struct slice whole_lines(struct slice bytes, size_t buffer_bytes)
{
    size_t end = slice_find_last(bytes, '\n');

    return bytes.len < buffer_bytes || end == bytes.len ? bytes : slice_sub(bytes, 0, end + 1);
}

void worker_trigger(struct slice bytes)
{
    worker_job_began();
    process.n_busy++;
    process.worker->trigger(bytes);
    process.n_busy--;
    process.idle_since = time_now_ms();
    worker_job_ended();
}

static void run_triggers(void *arg)
{
    struct connection *connection = arg;
    struct stream *stream = &connection->channel.stream;
    struct slice bytes;

    for (;;) {
        connection->is_idle = true;
        if (process.is_draining || stream_fill(stream, &bytes) < 0)
            break;
        connection->is_idle = false;
        bytes = whole_lines(bytes, stream->buffer_bytes);
        worker_trigger(bytes);
        stream_consume(stream, bytes.len);
    }
    channel_release(&connection->channel);
    connection_free(connection);
    worker_loop_session_ended();
}

int worker_spawn_channel(int fd)
{
    struct connection *connection = connection_new();

    channel_init(&connection->channel, fd);
    stream_set_deadline(&connection->channel.stream, DEADLINE_NONE);
    if (spawn(connection, process.worker->request ? run_channel : run_triggers) == 0)
        return 0;
    channel_release(&connection->channel);
    connection_free(connection);
    return -1;
}
