#include "net/place.h"

#include <netdb.h>
#include <string.h>

#include "net/hostport.h"
#include "net/socket.h"

enum { HOST_MOST_BYTES = 256 };

static void add(struct place *place, const struct addrinfo *found, uint16_t port)
{
    struct endpoint *endpoint = &place->endpoints[place->n_endpoints];

    if (place->n_endpoints == PLACE_ENDPOINTS_MOST ||
        found->ai_addrlen > sizeof(endpoint->address))
        return;
    *endpoint = (struct endpoint){.len = found->ai_addrlen};
    memcpy(&endpoint->address, found->ai_addr, found->ai_addrlen);
    endpoint_set_port(endpoint, port);
    place->n_endpoints++;
}

/* An empty host: the wildcard addresses. */
static int resolve(struct place *place, const struct hostport *hostport, int family,
                   struct error *error)
{
    struct addrinfo hints = {
        .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list;
    char host[HOST_MOST_BYTES] = "";
    int status;

    if (hostport->host.len >= sizeof(host))
        return error_set(error, ERROR_PERMANENT, "host name is longer than %zu bytes",
                         sizeof(host) - 1);
    if (hostport->host.len)
        memcpy(host, hostport->host.ptr, hostport->host.len);
    status = getaddrinfo(*host ? host : NULL, *host ? NULL : "0", &hints, &list);
    if (status != 0)
        return error_set(error, ERROR_PERMANENT, "%s: %s", host, gai_strerror(status));
    place->n_endpoints = 0;
    for (const struct addrinfo *found = list; found; found = found->ai_next)
        add(place, found, hostport->port);
    freeaddrinfo(list);
    return 0;
}

/* True when it names a Unix socket, which is then done; else *text is "host:port". */
static bool take_path(struct place *place, const char **text)
{
    *place = (struct place){.path = NULL};
    if (slice_starts_with(slice_from(*text), "unix:"))
        place->path = *text + strlen("unix:");
    else if (slice_starts_with(slice_from(*text), "inet:"))
        *text += strlen("inet:");
    return place->path != NULL;
}

int place_of_server(struct place *place, const char *text, uint16_t default_port, int family,
                    struct error *error)
{
    struct hostport hostport;

    if (take_path(place, &text))
        return 0;
    if (hostport_parse(&hostport, slice_from(text), HOSTPORT_ALONE_IS_HOST, default_port,
                       error) < 0)
        return -1;
    return resolve(place, &hostport, family, error);
}

int place_of_listener(struct place *place, const char *text, int family, struct error *error)
{
    struct hostport hostport;

    if (take_path(place, &text))
        return 0;
    if (hostport_parse(&hostport, slice_from(text), HOSTPORT_ALONE_IS_PORT, 0, error) < 0)
        return -1;
    return resolve(place, &hostport, family, error);
}

int place_connect(const struct place *place, deadline_t until, struct error *error)
{
    int fd = -1;

    if (place->path)
        return socket_connect_unix(place->path, until, error);
    for (size_t i = 0; i < place->n_endpoints && fd < 0; i++)
        fd = socket_connect(&place->endpoints[i], NULL, until, error);
    return fd;
}

int place_listen(const struct place *place, int backlog, int fds[PLACE_ENDPOINTS_MOST],
                 struct error *error)
{
    int n_fds = 0;

    if (place->path) {
        fds[0] = socket_listen_unix(place->path, backlog, 0666, error);
        return fds[0] < 0 ? -1 : 1;
    }
    for (size_t i = 0; i < place->n_endpoints; i++) {
        fds[n_fds] = socket_listen_inet(&place->endpoints[i], backlog, error);
        if (fds[n_fds] >= 0)
            n_fds++;
    }
    return n_fds > 0 ? n_fds : -1;
}
