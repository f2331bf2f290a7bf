#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/socket.h"
#include "worker/process.h"

/* A front end that passes connections on sends the descriptor at once. */
#define PASS_TIMEOUT_MS SECONDS(5)
/* Of so many listening sockets the own address is remembered. */
#define LISTENERS_KNOWN 16
#define PASS_MAX_BYTES  4096

/* name\0value\0 ... : the addresses that the front end learned from a proxy. */
static bool next_attribute(struct slice *rest, struct slice *name, struct slice *value)
{
    if (rest->len == 0)
        return false;
    *name = slice_split(rest, '\0');
    *value = slice_split(rest, '\0');
    return name->len > 0;
}

static void apply_address(struct endpoint *endpoint, struct slice text)
{
    /* What is no address leaves the socket's own. */
    if (endpoint_parse(endpoint, text, endpoint_port(endpoint)) < 0)
        return;
}

static void apply_port(struct endpoint *endpoint, struct slice text)
{
    uint64_t port;

    if (slice_to_uint(text, 10, UINT16_MAX, &port))
        endpoint_set_port(endpoint, (uint16_t)port);
}

static void apply_attributes(struct worker_client *client, struct slice rest)
{
    struct slice name, value;

    while (next_attribute(&rest, &name, &value)) {
        if (slice_equals(name, "client_address"))
            apply_address(&client->peer, value);
        else if (slice_equals(name, "client_port"))
            apply_port(&client->peer, value);
        else if (slice_equals(name, "server_address"))
            apply_address(&client->local, value);
        else if (slice_equals(name, "server_port"))
            apply_port(&client->local, value);
    }
}

static int receive_passed(struct worker_client *client, char *attributes, ssize_t *len)
{
    int fd = -1;

    *len = socket_receive_fd(client->stream.fd, &fd, attributes, PASS_MAX_BYTES,
                             deadline_in(PASS_TIMEOUT_MS), NULL);
    /* The front end sees by that that its connection was taken. */
    stream_release(&client->stream);
    return fd;
}

int worker_take_passed(struct worker_client *client)
{
    char attributes[PASS_MAX_BYTES];
    ssize_t len;

    if (process.arguments.type != LISTENER_PASS)
        return 0;
    int fd = receive_passed(client, attributes, &len);

    if (fd < 0)
        return -1;
    if (socket_peer(fd, &client->peer) < 0)
        client->peer.len = 0;
    if (socket_local(fd, &client->local) < 0)
        client->local.len = 0;
    if (len > 0)
        apply_attributes(client, slice_of(attributes, (size_t)len));
    stream_init(&client->stream, fd);
    return 0;
}

/* A socket that is bound to one address knows that of each of its connections. */
static int local_of(int listener, int fd, struct endpoint *local)
{
    static struct endpoint bound[LISTENERS_KNOWN];
    size_t index = (size_t)(listener - WORKER_FD_LISTEN);

    if (index >= LISTENERS_KNOWN)
        return socket_local(fd, local);
    if (bound[index].len == 0 && socket_local(listener, &bound[index]) < 0)
        bound[index].len = 0;
    if (bound[index].len == 0 || endpoint_is_wildcard(&bound[index]))
        return socket_local(fd, local);
    *local = bound[index];
    return 0;
}

static int accept_inet(int listener, struct worker_client *client)
{
    socklen_t len = sizeof(client->peer.address);
    int fd = accept4(listener, &client->peer.address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return -1;
    client->peer.len = len;
    endpoint_unmap(&client->peer);
    if (local_of(listener, fd, &client->local) < 0)
        client->local.len = 0;
    endpoint_unmap(&client->local);
    return fd;
}

int worker_accept(int listener, struct worker_client *client)
{
    int fd;

    client->peer = client->local = (struct endpoint){.len = 0};
    if (process.arguments.type == LISTENER_INET)
        fd = accept_inet(listener, client);
    else
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        stream_init_nonblocking(&client->stream, fd);
    return fd < 0 ? -1 : 0;
}
