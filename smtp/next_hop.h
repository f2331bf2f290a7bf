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

/*
 * "[host]:port", "[host]", "host:port", "host", "inet:" in front of these; an IPv6 address
 * stands in brackets. For LMTP "unix:path", too. False when it is malformed. Slices point into
 * text.
 */
bool next_hop_parse(struct slice text, struct next_hop *next_hop);
