/* Own addresses, for address literals. */
#include "route/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "conf/words.h"
#include "net/endpoint.h"

static struct endpoint *own;
static size_t n_own;

static void add(const struct sockaddr *address)
{
    struct endpoint *endpoint;
    socklen_t len = address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                  : sizeof(struct sockaddr_in6);

    own = mem_resize(own, n_own + 1, sizeof(*own));
    endpoint = &own[n_own++];
    *endpoint = (struct endpoint){.len = len};
    memcpy(&endpoint->address, address, len);
    endpoint_unmap(endpoint);
}

static void add_host_interfaces(bool loopback_only)
{
    struct ifaddrs *all;

    if (getifaddrs(&all) < 0) {
        log_warning("interface addresses: %m");
        return;
    }
    for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr ||
            (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6))
            continue;
        if (!loopback_only || (one->ifa_flags & IFF_LOOPBACK))
            add(one->ifa_addr);
    }
    freeifaddrs(all);
}

static void add_named(const char *parameter, struct slice word)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    struct endpoint endpoint;
    int trouble;

    if (word.len > 2 && word.ptr[0] == '[' && word.ptr[word.len - 1] == ']')
        word = slice_sub(word, 1, word.len - 2);
    if (endpoint_parse(&endpoint, word, 0) == 0) {
        add(&endpoint.address.any);
        return;
    }
    char *name = slice_dup(word);

    trouble = getaddrinfo(name, NULL, &hints, &found);
    if (trouble) {
        log_warning("parameter %s: no local interface found for %s: %s", parameter, name,
                    gai_strerror(trouble));
    } else {
        for (const struct addrinfo *one = found; one; one = one->ai_next)
            add(one->ai_addr);
        freeaddrinfo(found);
    }
    mem_free(name);
}

static void add_list(const char *parameter, const char *list)
{
    struct slice rest = slice_from(list), word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (slice_equals_nocase(word, "all"))
            add_host_interfaces(false);
        else if (slice_equals_nocase(word, "loopback-only"))
            add_host_interfaces(true);
        else
            add_named(parameter, word);
    }
}

void interfaces_open(void)
{
    mem_free(own);
    own = NULL;
    n_own = 0;
    add_list("inet_interfaces", params.inet_interfaces);
    add_list("proxy_interfaces", params.proxy_interfaces);
}

bool interfaces_have_literal(struct slice literal)
{
    struct endpoint endpoint;

    if (literal.len < 3 || literal.ptr[0] != '[' || literal.ptr[literal.len - 1] != ']')
        return false;
    literal = slice_sub(literal, 1, literal.len - 2);
    if (slice_starts_with_nocase(literal, "IPv6:"))
        literal = slice_from_offset(literal, 5);
    if (endpoint_parse(&endpoint, literal, 0) < 0)
        return false;
    for (size_t i = 0; i < n_own; i++) {
        if (endpoint_same_address(&own[i], &endpoint))
            return true;
    }
    return false;
}
