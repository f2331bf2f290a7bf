/*
 * Connecting to table servers.
 */
#include "table/peer.h"

#include <netdb.h>

#include "base/mem.h"
#include "dns/dns.h"
#include "net/endpoint.h"
#include "net/socket.h"

#define IDLE_MAX      ((size_t)16)
#define IDLE_LIMIT_MS SECONDS(10)

static bool parse_port(struct slice text, uint16_t *port)
{
    CLEANUP(mem_free_text) char *name = slice_dup(text);
    const struct servent *service;
    uint64_t number;

    if (slice_to_uint(text, 10, UINT16_MAX, &number)) {
        *port = (uint16_t)number;
        return number > 0;
    }
    service = getservbyname(name, "tcp");
    if (!service)
        return false;
    *port = ntohs((uint16_t)service->s_port);
    return true;
}

static void peer_init(struct peer *peer, struct slice text)
{
    *peer = (struct peer){.text = slice_dup(text), .label = ""};
    list_init(&peer->idle);
}

int peer_init_inet(struct peer *peer, struct slice text, struct error *error)
{
    size_t colon = slice_find_last(text, ':');
    struct slice host = slice_sub(text, 0, colon);
    struct endpoint endpoint;
    uint16_t port;

    if (slice_starts_with(host, "[") && slice_ends_with(host, "]"))
        host = slice_sub(host, 1, host.len - 2);
    if (colon == text.len || host.len == 0 ||
        !parse_port(slice_from_offset(text, colon + 1), &port))
        return error_set(error, ERROR_PERMANENT, "host or service %.*s not found",
                         SLICE_ARG(text));
    if (endpoint_parse(&endpoint, host, port) < 0 && dns_open(error) < 0)
        return -1;
    peer_init(peer, text);
    peer->host = slice_dup(host);
    peer->port = port;
    return 0;
}

void peer_init_unix(struct peer *peer, struct slice path)
{
    peer_init(peer, path);
    peer->path = slice_dup(path);
}

void peer_drop(struct peer_connection *connection)
{
    stream_release(&connection->stream);
    mem_free(connection);
}

static struct peer_connection *take_first(struct peer *peer)
{
    struct peer_connection *first = LIST_FIRST(&peer->idle, struct peer_connection, link);

    if (first) {
        list_remove(&first->link);
        peer->n_idle--;
    }
    return first;
}

static void drop_idle(struct peer *peer)
{
    struct peer_connection *connection;

    while ((connection = take_first(peer)) != NULL)
        peer_drop(connection);
}

void peer_release(struct peer *peer)
{
    drop_idle(peer);
    mem_free(peer->path);
    mem_free(peer->host);
    mem_free(peer->text);
}

/* Try the addresses of the host one after the other. */
static int connect_inet(const struct peer *peer, deadline_t until, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct dns_answer answer = {0};
    struct endpoint endpoint;
    int fd = -1;

    if (endpoint_parse(&endpoint, slice_from(peer->host), peer->port) == 0)
        return socket_connect(&endpoint, NULL, until, error);
    if (dns_host_addresses(slice_from(peer->host), AF_UNSPEC, until, &arena, &answer, error) !=
        DNS_OK)
        return -1;
    for (size_t i = 0; fd < 0 && i < answer.n_records; i++) {
        endpoint = answer.records[i].address;
        endpoint_set_port(&endpoint, peer->port);
        fd = socket_connect(&endpoint, NULL, until, error);
    }
    return fd;
}

static struct peer_connection *connect_new(struct peer *peer, deadline_t until,
                                           struct error *error)
{
    int fd = peer->path ? socket_connect_unix(peer->path, until, error)
                        : connect_inet(peer, until, error);

    if (fd < 0) {
        /* Never a permanent error: the name may be there again in a minute. */
        if (error)
            error->kind = ERROR_TEMPORARY;
        error_context(error, "connect to %s%s", peer->label, peer->text);
        return NULL;
    }
    struct peer_connection *connection = mem_new(struct peer_connection);

    stream_init(&connection->stream, fd);
    stream_set_deadline(&connection->stream, until);
    return connection;
}

struct peer_connection *peer_take(struct peer *peer, deadline_t until, struct error *error)
{
    struct peer_connection *connection;

    while ((connection = take_first(peer)) != NULL) {
        /* Nothing is due now: what is there to read is the other end's goodbye. */
        if (time_now_ms() - connection->idle_since < IDLE_LIMIT_MS &&
            !stream_has_input(&connection->stream)) {
            connection->is_reused = true;
            stream_set_deadline(&connection->stream, until);
            return connection;
        }
        peer_drop(connection);
    }
    return connect_new(peer, until, error);
}

/* The exchange went well: keep it for the next. */
static void give_back(struct peer *peer, struct peer_connection *connection)
{
    if (connection->stream.state != STREAM_OK || peer->n_idle >= IDLE_MAX) {
        peer_drop(connection);
        return;
    }
    connection->idle_since = time_now_ms();
    list_prepend(&peer->idle, &connection->link);
    peer->n_idle++;
}

int peer_ask(struct peer *peer, deadline_t until, peer_exchange_fn *exchange, void *arg,
             struct error *error)
{
    for (;;) {
        struct peer_connection *connection = peer_take(peer, until, error);
        bool was_reused;

        if (!connection)
            return -1;
        was_reused = connection->is_reused;
        if (exchange(&connection->stream, arg, error) == 0) {
            give_back(peer, connection);
            return 0;
        }
        bool is_dead =
            connection->stream.state == STREAM_END || connection->stream.state == STREAM_FAILED;
        peer_drop(connection);
        if (!was_reused || !is_dead)
            return -1;
        drop_idle(peer); /* a server that was restarted has closed all of them */
    }
}
