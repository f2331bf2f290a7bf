/*
 * The addresses on which this system receives mail: inet_interfaces, inet_protocols, and the
 * networks that mynetworks is by default.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

struct own_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address; /* the port is 0 */

    int prefix_bits; /* of the network it is in */
};

struct own_addresses {
    struct own_address *list; /* IPv4 first */
    size_t n;
};

struct protocols {
    bool v4, v6;
};

/*
 * inet_protocols: "all", "ipv4", "ipv6" or a list. "all" is what the kernel supports. Permanent
 * error for another word.
 */
MUST_USE int protocols_parse(struct protocols *protocols, const char *inet_protocols,
                             struct error *error);

/*
 * The addresses of inet_interfaces ("all", "loopback-only", or names and addresses) that belong
 * to those protocols, without duplicates. Names are looked up with the system's resolver, so
 * this may block: for start-up only.
 */
MUST_USE int own_addresses_find(struct own_addresses *addresses, const char *inet_interfaces,
                                struct protocols protocols, struct arena *arena,
                                struct error *error);

/*
 * Append what mynetworks is for mynetworks_style "host", "subnet" or "class", such as
 * "127.0.0.0/8 [::1]/128".
 */
MUST_USE int own_networks(struct buf *out, const struct own_addresses *addresses,
                          const char *mynetworks_style, struct error *error);
