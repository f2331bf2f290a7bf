/*
 * The ways in which main.cf and master.cf name a socket: "host:port", "[host]:port", "port",
 * "inet:host:port", "unix:path".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct hostport {
    struct slice host; /* a name or an address, without brackets; empty when not given */
    bool bracketed;    /* "[host]": the host itself, not its mail exchangers */
    uint16_t port;
};

/* What a text without a colon is. */
enum hostport_alone {
    HOSTPORT_ALONE_IS_HOST, /* "mail.example.com", "::1": the default port is added */
    HOSTPORT_ALONE_IS_PORT, /* "smtp": the host stays empty */
};

/*
 * Parse "host:port", "host:", ":port", "[host]:port", "[host]", or one part alone. Where the
 * port is left out it is default_port; 0 means that it must be given. A service name is looked
 * up with getservbyname(3), so call this where /etc can be read. The slices point into text.
 * Returns 0, or -1 with a permanent error such as: bad host or port "[::1": missing "]".
 */
MUST_USE int hostport_parse(struct hostport *hostport, struct slice text,
                            enum hostport_alone alone, uint16_t default_port,
                            struct error *error);

/*
 * "25" or "smtp". Names that service_ports_known lists need no services file. 0, or -1 with a
 * permanent error.
 */
MUST_USE int service_port(struct slice service, uint16_t *port, struct error *error);

/* "lmtp=24, smtp=25": known_tcp_ports. The text must stay; before, the usual mail ports hold.
 */
void service_ports_known(const char *known_tcp_ports);

enum socket_kind { SOCKET_INET, SOCKET_UNIX };

struct socket_name {
    enum socket_kind kind;
    struct hostport inet;
    struct slice path; /* of "unix:path" and "local:path" */
};

/* Parse "inet:host:port" (the port is required), "unix:path" or "local:path". */
MUST_USE int socket_name_parse(struct socket_name *name, struct slice text,
                               struct error *error);
