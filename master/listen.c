#include <netdb.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "conf/interfaces.h"
#include "conf/params.h"
#include "master.h"
#include "net/hostport.h"
#include "net/socket.h"

/* A burst of connections waits here until a process has come up. */
#define BACKLOG 4096

struct endpoint_list {
    struct endpoint *list;
    size_t n;
};

static void add(struct endpoint_list *endpoints, const struct sockaddr *address, socklen_t len,
                uint16_t port)
{
    struct endpoint *endpoint;

    endpoints->list = mem_resize(endpoints->list, endpoints->n + 1, sizeof(*endpoint));
    endpoint = &endpoints->list[endpoints->n++];
    *endpoint = (struct endpoint){.len = len};
    memcpy(&endpoint->address, address, len);
    endpoint_set_port(endpoint, port);
}

static void add_wildcards(struct endpoint_list *endpoints, struct protocols protocols,
                          uint16_t port)
{
    const struct sockaddr_in any4 = {.sin_family = AF_INET};
    const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};

    if (protocols.v4)
        add(endpoints, (const struct sockaddr *)&any4, sizeof(any4), port);
    if (protocols.v6)
        add(endpoints, (const struct sockaddr *)&any6, sizeof(any6), port);
}

static int add_interfaces(struct endpoint_list *endpoints, struct protocols protocols,
                          uint16_t port, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct own_addresses own;

    if (strcmp(params.inet_interfaces, "all") == 0) {
        add_wildcards(endpoints, protocols, port);
        return 0;
    }
    if (own_addresses_find(&own, params.inet_interfaces, protocols, &arena, error) < 0)
        return -1;
    for (size_t i = 0; i < own.n; i++) {
        const struct sockaddr *address = &own.list[i].address.any;

        add(endpoints, address,
            address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                          : sizeof(struct sockaddr_in6),
            port);
    }
    return 0;
}

static int add_host(struct endpoint_list *endpoints, const char *host,
                    struct protocols protocols, uint16_t port, struct error *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, NULL, &hints, &found);

    if (result != 0)
        return error_set(error, ERROR_TEMPORARY, "host not found: %s: %s", host,
                         gai_strerror(result));
    for (struct addrinfo *info = found; info; info = info->ai_next) {
        if ((info->ai_family == AF_INET && protocols.v4) ||
            (info->ai_family == AF_INET6 && protocols.v6))
            add(endpoints, info->ai_addr, info->ai_addrlen, port);
    }
    freeaddrinfo(found);
    if (endpoints->n == 0)
        return error_set(error, ERROR_PERMANENT,
                         "%s has no address of the protocols in inet_protocols (%s)", host,
                         params.inet_protocols);
    return 0;
}

int listen_endpoints(const struct master_service *conf, struct endpoint **endpoints,
                     size_t *n_endpoints, struct error *error)
{
    struct endpoint_list found = {NULL, 0};
    struct protocols protocols;
    uint16_t port;
    int result = -1;

    if (service_port(slice_from(conf->port), &port, error) == 0 &&
        protocols_parse(&protocols, params.inet_protocols, error) == 0)
        result = *conf->host ? add_host(&found, conf->host, protocols, port, error)
                             : add_interfaces(&found, protocols, port, error);
    if (result < 0) {
        mem_free(found.list);
        return error_context(error, "%s: line %d", conf->file, conf->line);
    }
    *endpoints = found.list;
    *n_endpoints = found.n;
    return 0;
}

int listen_open_inet(const struct endpoint *endpoint, struct error *error)
{
    socket_set_window(params.tcp_windowsize);
    return socket_listen_inet(endpoint, BACKLOG, error);
}

static int open_path(enum master_type type, const char *path, struct error *error)
{
    switch (type) {
    case MASTER_TYPE_UNIX_DGRAM:
        return socket_bind_unix_datagram(path, 0666, error);
    case MASTER_TYPE_FIFO:
        return socket_open_fifo(path, 0622, error);
    case MASTER_TYPE_UNIX:
    case MASTER_TYPE_PASS:
    case MASTER_TYPE_INET:
    default:
        return socket_listen_unix(path, BACKLOG, 0666, error);
    }
}

int listen_open_path(enum master_type type, const char *path, struct error *error)
{
    if (owner_enter(error) < 0)
        return -1;
    int fd = open_path(type, path, error);

    owner_leave();
    return fd;
}
