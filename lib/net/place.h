/*
 * Where a command was told to connect to or to listen: "inet:host:port", "host:port",
 * "[host]:port" or "unix:path". Names are looked up as the system does (getaddrinfo(3)), which
 * blocks: for the start of commands, not for workers.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "net/endpoint.h"

#define PLACE_ENDPOINTS_MOST 8

struct place {
    struct endpoint endpoints[PLACE_ENDPOINTS_MOST]; /* in the order to try them */
    size_t n_endpoints;
    const char *path; /* of a Unix socket, then n_endpoints is 0; points into the text */
};

/*
 * Parse where to connect to; without a port it is default_port. family: AF_INET, AF_INET6, or
 * AF_UNSPEC for both. The text must stay. 0, or -1 with a permanent error that names the text.
 */
MUST_USE int place_of_server(struct place *place, const char *text, uint16_t default_port,
                             int family, struct error *error);
/* Parse where to listen: the port is required, without a host it is every address. */
MUST_USE int place_of_listener(struct place *place, const char *text, int family,
                               struct error *error);

/* A connected descriptor as those of net/socket.h, or -1 with the error of the last address. */
MUST_USE MAY_WAIT int place_connect(const struct place *place, deadline_t until,
                                    struct error *error);
/*
 * Listen at each of the addresses that can be had; a Unix socket is there for everybody. How
 * many descriptors are in fds, or -1 with the error of the last address if there is none.
 */
MUST_USE int place_listen(const struct place *place, int backlog, int fds[PLACE_ENDPOINTS_MOST],
                          struct error *error);
