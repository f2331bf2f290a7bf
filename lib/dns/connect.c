#include "dns/connect.h"

#include "dns/dns.h"
#include "net/endpoint.h"
#include "net/socket.h"

static int connect_path(struct slice path, deadline_t until, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    return socket_connect_unix(arena_text(&arena, path), until, error);
}

static int connect_inet(const struct hostport *server, deadline_t until, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice host = server->host.len ? server->host : SLICE("localhost");
    struct dns_answer answer = {0};
    struct endpoint endpoint;
    int fd = -1;

    if (endpoint_parse(&endpoint, host, server->port) == 0)
        return socket_connect(&endpoint, NULL, until, error);
    if (dns_host_addresses(host, AF_UNSPEC, until, &arena, &answer, error) != DNS_OK)
        return -1;
    for (size_t i = 0; fd < 0 && i < answer.n_records; i++) {
        endpoint = answer.records[i].address;
        endpoint_set_port(&endpoint, server->port);
        fd = socket_connect(&endpoint, NULL, until, error);
    }
    return fd;
}

int connect_server(const struct socket_name *name, deadline_t until, struct error *error)
{
    int fd = name->kind == SOCKET_UNIX ? connect_path(name->path, until, error)
                                       : connect_inet(&name->inet, until, error);

    /* Never a permanent error: the name may be there again in a minute. */
    if (fd < 0 && error)
        error->kind = ERROR_TEMPORARY;
    return fd;
}
