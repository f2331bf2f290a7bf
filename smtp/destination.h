/*
 * From a next hop to the hosts that are tried for it, in order.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "base/time.h"
#include "mail/dsn.h"
#include "net/endpoint.h"

/* One address to connect to. */
struct host {
    struct slice name;       /* "mx.example.com"; the address itself for a literal */
    struct slice unix_path;  /* LMTP over a Unix socket; else empty */
    struct endpoint address; /* with the port */
    unsigned preference;     /* of its MX record; 0 without one */
    bool is_backup;          /* another MX record is better */
    /* What DNSSEC vouches for (with smtp_dns_support_level = dnssec; else all false). */
    struct slice expanded; /* the name behind its CNAMEs */
    bool has_mx;           /* it comes from an MX record ... */
    bool mx_is_secure;     /* ... that was validated */
    bool is_secure;        /* its address was, with the CNAMEs before it */
};

struct host_list {
    struct host *hosts;
    size_t count;
    bool has_us;     /* we are one of them; those no better than we are left out */
    bool leads_here; /* nobody but us is to have the mail */
};

/*
 * Hosts of one next hop: "example.com" (MX records, else its addresses), "[example.com]:587",
 * "[192.0.2.1]", "inet:host:port", "unix:path". Texts lie in the arena.
 * 0, or -1 with *dsn: no such host, null MX, loops back to myself (leads_here), the resolver
 * failed.
 */
MUST_USE MAY_WAIT int destination_hosts(struct slice nexthop, deadline_t until,
                                        struct arena *arena, struct host_list *list,
                                        struct dsn *dsn);

/* The next of several next hops separated by commas and white space; ptr NULL at the end. */
struct slice destination_next(struct slice *rest);
