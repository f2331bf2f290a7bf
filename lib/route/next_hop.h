/*
 * How a next hop is written.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct next_hop {
    struct slice host;
    struct slice unix_path; /* LMTP over a Unix socket; else empty */
    struct slice service;   /* one that SRV records are looked up for (use_srv_lookup) */
    uint16_t port;
    bool use_mx;
    bool has_port;
};

enum next_hop_protocol { NEXT_HOP_SMTP, NEXT_HOP_LMTP };

/*
 * "[host]:port", "[host]", "host:port", "host", "inet:" in front of these; an IPv6 address
 * stands in brackets. For LMTP "unix:path", too. default_port is for where none is given. Reads
 * params.use_srv_lookup. False when it is malformed. Slices point into text.
 */
bool next_hop_parse(struct slice text, enum next_hop_protocol protocol, uint16_t default_port,
                    struct next_hop *next_hop);
