/*
 * A socket address with its text forms.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct endpoint {
    socklen_t len; /* 0: unknown */

    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage storage;
    } address;
};

/* The longest text: an IPv6 address with scope. */
#define ENDPOINT_TEXT_BYTES 64

/* A numeric IPv4 or IPv6 address (no brackets, no name). 0, or -1 without touching *endpoint.
 */
MUST_USE int endpoint_parse(struct endpoint *endpoint, struct slice text, uint16_t port);

/* From 4 (AF_INET) or 16 (AF_INET6) bytes in network order. */
void endpoint_set(struct endpoint *endpoint, int family, const void *bytes, uint16_t port);

/* "192.0.2.1", "2001:db8::1"; "unknown" for other families. v4-mapped IPv6 reads as IPv4. */
const char *endpoint_text(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_BYTES]);
/* The form of SMTP address literals: "192.0.2.1" or "IPv6:2001:db8::1". */
const char *endpoint_literal(const struct endpoint *endpoint,
                             char text[ENDPOINT_TEXT_BYTES + 8]);

int endpoint_family(
    const struct endpoint *endpoint); /* AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC */
uint16_t endpoint_port(const struct endpoint *endpoint);
void endpoint_set_port(struct endpoint *endpoint, uint16_t port);
/* Turn a v4-mapped IPv6 address into the IPv4 one. */
void endpoint_unmap(struct endpoint *endpoint);
/* 0.0.0.0 or :: (RFC 4291 section 2.5.2), which a socket listens on for all its host's. */
bool endpoint_is_wildcard(const struct endpoint *endpoint);
bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b);

/* A network such as 10.0.0.0/8, [2001:db8::]/32, or one address. */
struct network {
    int family;
    unsigned prefix_len;
    unsigned char address[16];
};

/*
 * Parse one network: "10.0.0.0/8", "2001:db8::/32", "[2001:db8::]/32", "[2001:db8::/32]", or an
 * address alone. Permanent errors in the words of Postfix: bad address pattern, bad network
 * value, bad mask value or length, host bits that are not zero.
 */
MUST_USE int network_parse(struct network *network, struct slice text, struct error *error);
bool network_contains(const struct network *network, const struct endpoint *endpoint);
