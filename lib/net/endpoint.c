#include "net/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define V4_BYTES 4
#define V6_BYTES 16

/* Longer than every address with prefix length. */
#define NETWORK_TEXT_BYTES 80

/* ::ffff:0:0/96 */
static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

/* inet_pton wants a NUL behind the text. False when it is too long to be an address. */
static bool terminate(struct slice text, char copy[INET6_ADDRSTRLEN])
{
    if (text.len == 0 || text.len >= INET6_ADDRSTRLEN || slice_find(text, '\0') < text.len)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return true;
}

/* AF_INET or AF_INET6 and the bytes, or AF_UNSPEC. */
static int parse_address(struct slice text, unsigned char bytes[V6_BYTES])
{
    char copy[INET6_ADDRSTRLEN];

    if (!terminate(text, copy))
        return AF_UNSPEC;
    if (inet_pton(AF_INET, copy, bytes) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, copy, bytes) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* The number of "eth0" in fe80::1%eth0, or of a digit string; 0 when there is no such. */
static uint32_t scope_number(struct slice scope)
{
    char name[IF_NAMESIZE];
    uint64_t number;

    if (slice_to_uint(scope, 10, UINT32_MAX, &number))
        return (uint32_t)number;
    if (scope.len == 0 || scope.len >= sizeof(name))
        return 0;
    memcpy(name, scope.ptr, scope.len);
    name[scope.len] = '\0';
    return if_nametoindex(name);
}

void endpoint_set(struct endpoint *endpoint, int family, const void *bytes, uint16_t port)
{
    *endpoint = (struct endpoint){0};
    if (family == AF_INET) {
        endpoint->len = sizeof(endpoint->address.in);
        endpoint->address.in.sin_family = AF_INET;
        endpoint->address.in.sin_port = htons(port);
        memcpy(&endpoint->address.in.sin_addr, bytes, V4_BYTES);
    } else if (family == AF_INET6) {
        endpoint->len = sizeof(endpoint->address.in6);
        endpoint->address.in6.sin6_family = AF_INET6;
        endpoint->address.in6.sin6_port = htons(port);
        memcpy(&endpoint->address.in6.sin6_addr, bytes, V6_BYTES);
    }
}

int endpoint_parse(struct endpoint *endpoint, struct slice text, uint16_t port)
{
    unsigned char bytes[V6_BYTES];
    struct slice scope = text;
    struct slice address = slice_split(&scope, '%');
    bool has_scope = address.len < text.len;
    int family = parse_address(address, bytes);

    if (family == AF_UNSPEC || (has_scope && family != AF_INET6))
        return -1;
    uint32_t number = has_scope ? scope_number(scope) : 0;
    if (has_scope && number == 0)
        return -1;
    endpoint_set(endpoint, family, bytes, port);
    if (has_scope)
        endpoint->address.in6.sin6_scope_id = number;
    return 0;
}

/* The address in the form that comparisons and texts use. AF_UNSPEC: neither. */
static int address_bytes(const struct endpoint *endpoint, const unsigned char **bytes)
{
    int family = endpoint_family(endpoint);

    if (family == AF_INET) {
        *bytes = (const unsigned char *)&endpoint->address.in.sin_addr;
        return AF_INET;
    }
    if (family != AF_INET6)
        return AF_UNSPEC;
    *bytes = endpoint->address.in6.sin6_addr.s6_addr;
    if (memcmp(*bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
        return AF_INET6;
    *bytes += sizeof(mapped_prefix);
    return AF_INET;
}

static void add_scope(uint32_t scope, char text[ENDPOINT_TEXT_BYTES])
{
    char name[IF_NAMESIZE];
    size_t len = strlen(text);

    if (if_indextoname(scope, name))
        snprintf(text + len, ENDPOINT_TEXT_BYTES - len, "%%%s", name);
    else
        snprintf(text + len, ENDPOINT_TEXT_BYTES - len, "%%%u", scope);
}

const char *endpoint_text(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_BYTES])
{
    const unsigned char *bytes;
    int family = address_bytes(endpoint, &bytes);

    if (family == AF_UNSPEC || !inet_ntop(family, bytes, text, ENDPOINT_TEXT_BYTES))
        snprintf(text, ENDPOINT_TEXT_BYTES, "unknown");
    else if (family == AF_INET6 && endpoint->address.in6.sin6_scope_id)
        add_scope(endpoint->address.in6.sin6_scope_id, text);
    return text;
}

const char *endpoint_literal(const struct endpoint *endpoint,
                             char text[ENDPOINT_TEXT_BYTES + 8])
{
    char address[ENDPOINT_TEXT_BYTES];
    const unsigned char *bytes;
    const char *prefix = address_bytes(endpoint, &bytes) == AF_INET6 ? "IPv6:" : "";

    snprintf(text, ENDPOINT_TEXT_BYTES + 8, "%s%s", prefix, endpoint_text(endpoint, address));
    return text;
}

int endpoint_family(const struct endpoint *endpoint)
{
    return endpoint->len ? endpoint->address.any.sa_family : AF_UNSPEC;
}

uint16_t endpoint_port(const struct endpoint *endpoint)
{
    int family = endpoint_family(endpoint);

    return family == AF_INET    ? ntohs(endpoint->address.in.sin_port)
           : family == AF_INET6 ? ntohs(endpoint->address.in6.sin6_port)
                                : 0;
}

void endpoint_set_port(struct endpoint *endpoint, uint16_t port)
{
    int family = endpoint_family(endpoint);

    if (family == AF_INET)
        endpoint->address.in.sin_port = htons(port);
    else if (family == AF_INET6)
        endpoint->address.in6.sin6_port = htons(port);
}

void endpoint_unmap(struct endpoint *endpoint)
{
    const unsigned char *bytes;

    if (endpoint_family(endpoint) != AF_INET6 || address_bytes(endpoint, &bytes) != AF_INET)
        return;
    struct endpoint mapped = *endpoint;
    (void)address_bytes(&mapped, &bytes);
    endpoint_set(endpoint, AF_INET, bytes, endpoint_port(&mapped));
}

static size_t family_bytes(int family)
{
    return family == AF_INET ? V4_BYTES : V6_BYTES;
}

bool endpoint_is_wildcard(const struct endpoint *endpoint)
{
    if (endpoint_family(endpoint) == AF_INET)
        return endpoint->address.in.sin_addr.s_addr == htonl(INADDR_ANY);
    return endpoint_family(endpoint) == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(&endpoint->address.in6.sin6_addr);
}

bool endpoint_same_address(const struct endpoint *a, const struct endpoint *b)
{
    const unsigned char *a_bytes, *b_bytes;
    int family = address_bytes(a, &a_bytes);

    return family != AF_UNSPEC && family == address_bytes(b, &b_bytes) &&
           memcmp(a_bytes, b_bytes, family_bytes(family)) == 0;
}

/* True when both agree in the first n_bits. */
static bool same_prefix(const unsigned char *a, const unsigned char *b, unsigned n_bits)
{
    unsigned n_bytes = n_bits / 8, rest = n_bits % 8;

    return memcmp(a, b, n_bytes) == 0 &&
           (rest == 0 || ((a[n_bytes] ^ b[n_bytes]) >> (8 - rest)) == 0);
}

/* True when there were some. */
static bool clear_host_bits(struct network *network)
{
    unsigned char masked[V6_BYTES] = {0};
    unsigned n_bytes = network->prefix_len / 8, rest = network->prefix_len % 8;

    memcpy(masked, network->address, n_bytes);
    if (rest)
        masked[n_bytes] = (unsigned char)(network->address[n_bytes] & (0xff << (8 - rest)));
    bool had = memcmp(masked, network->address, family_bytes(network->family)) != 0;
    memcpy(network->address, masked, sizeof(masked));
    return had;
}

/*
 * Copy the text without the brackets that may stand around the address or, as in "[::1/128]",
 * around the whole.
 */
static int copy_without_brackets(struct slice text, struct buf *pattern, struct error *error)
{
    if (text.len > NETWORK_TEXT_BYTES)
        return error_set(error, ERROR_PERMANENT, "bad address pattern: \"%.*s...\"",
                         NETWORK_TEXT_BYTES, text.ptr);
    if (!slice_starts_with(text, "[")) {
        buf_set(pattern, text);
        return 0;
    }
    size_t end = slice_find(text, ']');
    if (end == text.len)
        return error_set(error, ERROR_PERMANENT, "missing ']' character after \"%.*s\"",
                         SLICE_ARG(text));
    buf_set(pattern, slice_sub(text, 1, end - 1));
    buf_add_slice(pattern, slice_from_offset(text, end + 1));
    return 0;
}

static int host_bits_error(const struct network *network, struct slice pattern,
                           struct error *error)
{
    char text[INET6_ADDRSTRLEN] = "";

    /* The buffer is large enough for every address. */
    (void)!inet_ntop(network->family, network->address, text, sizeof(text));
    return error_set(error, ERROR_PERMANENT,
                     "non-null host address bits in \"%.*s\", perhaps you should use \"%s/%u\" "
                     "instead",
                     SLICE_ARG(pattern), text, network->prefix_len);
}

static int parse_prefix(struct network *network, struct slice pattern, struct error *error)
{
    struct slice length = pattern;
    struct slice address = slice_split(&length, '/');
    uint64_t prefix_len;

    if (!slice_to_uint(length, 10, UINT32_MAX, &prefix_len))
        return error_set(error, ERROR_PERMANENT, "bad mask value in \"%.*s\"",
                         SLICE_ARG(pattern));
    network->family = parse_address(address, network->address);
    if (network->family == AF_UNSPEC)
        return error_set(error, ERROR_PERMANENT, "bad network value in \"%.*s\"",
                         SLICE_ARG(pattern));
    if (prefix_len > family_bytes(network->family) * 8)
        return error_set(error, ERROR_PERMANENT, "bad mask length in \"%.*s\"",
                         SLICE_ARG(pattern));
    network->prefix_len = (unsigned)prefix_len;
    if (clear_host_bits(network))
        return host_bits_error(network, pattern, error);
    return 0;
}

int network_parse(struct network *network, struct slice text, struct error *error)
{
    CLEANUP(buf_release) struct buf pattern = BUF_INIT;
    struct network result = {0};

    if (copy_without_brackets(text, &pattern, error) < 0)
        return -1;
    struct slice address = buf_slice(&pattern);
    if (slice_find(address, '/') < address.len) {
        if (parse_prefix(&result, address, error) < 0)
            return -1;
    } else {
        result.family = parse_address(address, result.address);
        if (result.family == AF_UNSPEC)
            return error_set(error, ERROR_PERMANENT, "bad address pattern: \"%.*s\"",
                             SLICE_ARG(address));
        result.prefix_len = (unsigned)family_bytes(result.family) * 8;
    }
    *network = result;
    return 0;
}

bool network_contains(const struct network *network, const struct endpoint *endpoint)
{
    const unsigned char *bytes;
    int family = address_bytes(endpoint, &bytes);

    return family != AF_UNSPEC && family == network->family &&
           same_prefix(bytes, network->address, network->prefix_len);
}
