/*
 * Own addresses and networks.
 */
#include "conf/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/words.h"

#define OWN_ADDRESSES_MAX 4096

static bool kernel_has(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    (void)close(fd);
    return true;
}

int protocols_parse(struct protocols *protocols, const char *inet_protocols,
                    struct error *error)
{
    struct slice rest = slice_from(inet_protocols);
    struct protocols result = {false, false};
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        bool all = slice_equals_nocase(word, "all");

        if (!all && !slice_equals_nocase(word, "ipv4") && !slice_equals_nocase(word, "ipv6")) {
            return error_set(error, ERROR_PERMANENT,
                             "inet_protocols: unknown protocol \"%.*s\" (expected all, ipv4 or "
                             "ipv6)",
                             SLICE_ARG(word));
        }
        result.v4 =
            result.v4 || slice_equals_nocase(word, "ipv4") || (all && kernel_has(AF_INET));
        result.v6 =
            result.v6 || slice_equals_nocase(word, "ipv6") || (all && kernel_has(AF_INET6));
    }
    if (!result.v4 && !result.v6)
        return error_set(error, ERROR_PERMANENT,
                         "inet_protocols: no protocol in \"%s\" (expected all, ipv4 or ipv6)",
                         inet_protocols);
    *protocols = result;
    return 0;
}

static size_t address_bytes(const struct sockaddr *address, const unsigned char **bytes)
{
    if (address->sa_family == AF_INET) {
        *bytes = (const unsigned char *)&((const struct sockaddr_in *)(const void *)address)
                     ->sin_addr;
        return sizeof(struct in_addr);
    }
    *bytes = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
    return sizeof(struct in6_addr);
}

static int mask_bits(const struct sockaddr *mask, int family)
{
    const unsigned char *bytes;
    size_t n;
    int bits = 0;

    if (!mask)
        return family == AF_INET ? 32 : 128;
    n = address_bytes(mask, &bytes);
    for (size_t i = 0; i < n; i++)
        bits += __builtin_popcount(bytes[i]);
    return bits;
}

static bool is_wanted(const struct sockaddr *address, struct protocols protocols)
{
    return address && ((address->sa_family == AF_INET && protocols.v4) ||
                       (address->sa_family == AF_INET6 && protocols.v6));
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    const unsigned char *left, *right;
    size_t n = address_bytes(a, &left);

    return a->sa_family == b->sa_family && address_bytes(b, &right) == n &&
           memcmp(left, right, n) == 0;
}

/* Find-or-add. */
static int add_address(struct own_addresses *addresses, const struct sockaddr *address,
                       int bits, struct error *error)
{
    struct own_address *added;

    for (size_t i = 0; i < addresses->n; i++) {
        if (same_address(&addresses->list[i].address.any, address))
            return 0;
    }
    if (addresses->n == OWN_ADDRESSES_MAX)
        return error_set(error, ERROR_PERMANENT, "inet_interfaces: more than %d addresses",
                         OWN_ADDRESSES_MAX);
    added = &addresses->list[addresses->n++];
    *added = (struct own_address){.prefix_bits = bits};
    if (address->sa_family == AF_INET) {
        added->address.v4.sin_family = AF_INET;
        added->address.v4.sin_addr =
            ((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else {
        added->address.v6.sin6_family = AF_INET6;
        added->address.v6.sin6_addr =
            ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    }
    return 0;
}

static int add_interfaces(struct own_addresses *addresses, const struct ifaddrs *interfaces,
                          struct protocols protocols, unsigned required_flags,
                          struct error *error)
{
    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        if (!is_wanted(i->ifa_addr, protocols) || !(i->ifa_flags & IFF_UP) ||
            (i->ifa_flags & required_flags) != required_flags)
            continue;
        if (add_address(addresses, i->ifa_addr,
                        mask_bits(i->ifa_netmask, i->ifa_addr->sa_family), error) < 0)
            return -1;
    }
    return 0;
}

/* -1 for an address that is on no interface. */
static int interface_bits(const struct ifaddrs *interfaces, const struct sockaddr *address)
{
    for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
        if (i->ifa_addr &&
            (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6) &&
            same_address(i->ifa_addr, address))
            return mask_bits(i->ifa_netmask, address->sa_family);
    }
    return -1;
}

static void free_addresses(struct addrinfo **list)
{
    if (*list)
        freeaddrinfo(*list);
}

static int add_host(struct own_addresses *addresses, const struct ifaddrs *interfaces,
                    struct slice word, struct protocols protocols, struct error *error)
{
    CLEANUP(free_addresses) struct addrinfo *found = NULL;
    CLEANUP(mem_free_text) char *name = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int status;

    if (slice_starts_with(word, "[") && slice_ends_with(word, "]"))
        word = slice_sub(word, 1, word.len - 2);
    name = slice_dup(word);
    hints.ai_family = protocols.v4 && protocols.v6 ? AF_UNSPEC
                      : protocols.v4               ? AF_INET
                                                   : AF_INET6;
    status = getaddrinfo(name, NULL, &hints, &found);
    if (status != 0)
        return error_set(error, ERROR_TEMPORARY, "inet_interfaces: host not found: %s: %s",
                         name, gai_strerror(status));
    for (const struct addrinfo *i = found; i; i = i->ai_next) {
        int bits = interface_bits(interfaces, i->ai_addr);

        if (!is_wanted(i->ai_addr, protocols))
            continue;
        if (bits < 0)
            return error_set(error, ERROR_PERMANENT,
                             "inet_interfaces: no local interface found for %s", name);
        if (add_address(addresses, i->ai_addr, bits, error) < 0)
            return -1;
    }
    return 0;
}

static int compare_family(const void *a, const void *b)
{
    const struct own_address *left = a, *right = b;

    return (left->address.any.sa_family > right->address.any.sa_family) -
           (left->address.any.sa_family < right->address.any.sa_family);
}

/* A stable order by family; glibc's qsort would do, but promises nothing. */
static void sort_by_family(struct own_addresses *addresses)
{
    for (size_t i = 1; i < addresses->n; i++) {
        struct own_address moved = addresses->list[i];
        size_t j = i;

        for (; j > 0 && compare_family(&addresses->list[j - 1], &moved) > 0; j--)
            addresses->list[j] = addresses->list[j - 1];
        addresses->list[j] = moved;
    }
}

static void free_list(struct own_address **list)
{
    mem_free(*list);
}

static void free_interfaces(struct ifaddrs **interfaces)
{
    if (*interfaces)
        freeifaddrs(*interfaces);
}

int own_addresses_find(struct own_addresses *addresses, const char *inet_interfaces,
                       struct protocols protocols, struct arena *arena, struct error *error)
{
    CLEANUP(free_interfaces) struct ifaddrs *interfaces = NULL;
    CLEANUP(free_list) struct own_address *list = NULL;
    struct own_addresses result = {NULL, 0};
    struct slice rest = slice_from(inet_interfaces);
    struct slice word;
    int status = 0;

    if (getifaddrs(&interfaces) < 0)
        return error_set(error, ERROR_TEMPORARY, "list network interfaces: %m");
    list = mem_array(struct own_address, OWN_ADDRESSES_MAX);
    result.list = list;
    while (status == 0 && words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals_nocase(word, "all"))
            status = add_interfaces(&result, interfaces, protocols, 0, error);
        else if (slice_equals_nocase(word, "loopback-only"))
            status = add_interfaces(&result, interfaces, protocols, IFF_LOOPBACK, error);
        else
            status = add_host(&result, interfaces, word, protocols, error);
    }
    if (status < 0)
        return -1;
    sort_by_family(&result);
    addresses->list = arena_array(arena, struct own_address, result.n ? result.n : 1);
    memcpy(addresses->list, result.list, result.n * sizeof *result.list);
    addresses->n = result.n;
    return 0;
}

static int class_bits(const struct sockaddr_in *address)
{
    uint32_t host = ntohl(address->sin_addr.s_addr);

    return host < 0x80000000U ? 8 : host < 0xc0000000U ? 16 : 24;
}

static void add_network(struct buf *out, const struct own_address *own, int bits)
{
    unsigned char masked[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN];
    const unsigned char *bytes;
    size_t n = address_bytes(&own->address.any, &bytes);
    bool v4 = own->address.any.sa_family == AF_INET;
    struct slice list = buf_slice(out);
    CLEANUP(buf_release) struct buf network = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        int left = bits - (int)i * 8;
        unsigned mask = left >= 8 ? 0xff : left <= 0 ? 0 : 0xffU << (8 - left);

        masked[i] = (unsigned char)(bytes[i] & mask);
    }
    if (!inet_ntop(own->address.any.sa_family, masked, text, sizeof text))
        return;
    buf_printf(&network, v4 ? "%s/%d" : "[%s]/%d", text, bits);
    for (struct slice rest = list, word; words_next(&rest, WORDS_SPACE, &word);) {
        if (slice_same(word, buf_slice(&network)))
            return;
    }
    if (out->len > 0)
        buf_add_char(out, ' ');
    buf_add_slice(out, buf_slice(&network));
}

int own_networks(struct buf *out, const struct own_addresses *addresses,
                 const char *mynetworks_style, struct error *error)
{
    struct slice style = slice_from(mynetworks_style);
    CLEANUP(buf_release) struct buf networks = BUF_INIT;

    if (!slice_equals_nocase(style, "host") && !slice_equals_nocase(style, "subnet") &&
        !slice_equals_nocase(style, "class"))
        return error_set(error, ERROR_PERMANENT,
                         "unknown mynetworks_style \"%s\" (expected host, subnet or class)",
                         mynetworks_style);
    for (size_t i = 0; i < addresses->n; i++) {
        const struct own_address *own = &addresses->list[i];
        bool v4 = own->address.any.sa_family == AF_INET;
        int bits = own->prefix_bits;

        if (slice_equals_nocase(style, "host"))
            bits = v4 ? 32 : 128;
        else if (slice_equals_nocase(style, "class") && v4)
            bits = class_bits(&own->address.v4);
        add_network(&networks, own, bits);
    }
    buf_add_slice(out, buf_slice(&networks));
    return 0;
}
