/*
 * DNS look-ups through c-ares, for coroutines (and for plain code: poll).
 *
 * Messages are parsed by us, so TTLs and the AD bit are known. Results are cached for their TTL
 * (bounded in number and time). resolv.conf is read by dns_open, before the jail.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"
#include "net/endpoint.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_TLSA = 52,
};

enum dns_result {
    DNS_OK,        /* at least one record */
    DNS_NO_NAME,   /* NXDOMAIN */
    DNS_NO_DATA,   /* the name exists, not this type */
    DNS_TEMPORARY, /* SERVFAIL, timeout, refused, no server, or a reply that makes no sense */
    DNS_POLICY,    /* there are records, and the filter has dropped them all; for now */
};

/* Nothing was learned: there may be such records, or not. */
static inline bool dns_result_is_failure(enum dns_result result)
{
    return result == DNS_TEMPORARY || result == DNS_POLICY;
}

struct dns_record {
    enum dns_type type;
    uint32_t ttl_seconds;
    struct slice name;   /* owner, lower case, without final dot */
    uint16_t preference; /* MX; priority of SRV */
    uint16_t weight, port;
    struct slice target;     /* MX, CNAME, PTR, NS, SRV; "" is the root: null MX */
    struct slice data;       /* TXT: strings joined; TLSA: as on the wire */
    struct endpoint address; /* A, AAAA; port 0 */
};

struct dns_answer {
    struct dns_record *records; /* of the type asked for, CNAMEs followed */
    size_t n_records;
    bool is_validated; /* the AD bit, from a resolver that is trusted to set it */
    struct slice name; /* the owner after CNAMEs */
    /* How long it may be believed, also that there is nothing; 0: the server did not say. */
    uint32_t ttl_seconds;
};

/* Read resolv.conf and hosts, open what is needed later inside the jail. */
MUST_USE int dns_open(struct error *error);

/*
 * resolv.conf or the hosts file, when it was changed since dns_open as far as that can be seen
 * from here, or NULL; looks at most once a second. A worker then asks for a successor.
 */
const char *dns_file_changed(void);

/*
 * The domains that short names may belong to, separated by blanks: resolv.conf's "search" or
 * "domain", else that of the host's own name. May be empty. For callers who look further
 * themselves; none of the functions here do.
 */
struct slice dns_search_domains(void);

/* "MX": for messages. */
const char *dns_type_name(enum dns_type type);

/*
 * Look a name up. Records lie in the arena. On anything but DNS_OK *error has a text such as
 * "Host or domain name not found. Name service error for name=x type=MX: Host not found", and
 * its kind is temporary or permanent accordingly.
 */
MUST_USE MAY_WAIT enum dns_result dns_lookup(struct slice name, enum dns_type type,
                                             deadline_t until, struct arena *arena,
                                             struct dns_answer *answer, struct error *error);

/*
 * Have dns_lookup show its records to a filter before the caller gets them; before the jail.
 * The filter may take some out of the answer. It returns DNS_OK where one is left, DNS_POLICY
 * where none is, DNS_TEMPORARY when it cannot tell, the last two with the kind ERROR_TEMPORARY
 * and a text. NULL: none. What the other functions here find is not filtered.
 */
typedef enum dns_result dns_filter_fn(struct slice name, enum dns_type type,
                                      struct dns_answer *answer, struct error *error);
void dns_filter_set(dns_filter_fn *filter);

/*
 * dns_lookup without waiting: done is called once, from the event loop or at once when the
 * result is known. It may not wait; the answer is there for the call. A name server that is
 * silent makes it DNS_TEMPORARY after the resolver's own time. Call it in a coroutine.
 */
typedef void dns_done_fn(void *arg, enum dns_result result, const struct dns_answer *answer);
void dns_lookup_later(struct slice name, enum dns_type type, dns_done_fn *done, void *arg);

/*
 * An IP address turned round, as lists in the DNS have it in front of their name: "1.2.0.192",
 * the nibbles of an IPv6 address. Empty for anything else.
 */
struct slice dns_reversed(const struct endpoint *endpoint, struct arena *arena);

/*
 * As the system resolves names for programs: /etc/hosts first, then DNS (A and AAAA of the
 * families asked for, AF_UNSPEC: both). For clients' names, "localhost",
 * smtp_host_lookup=native.
 */
MUST_USE MAY_WAIT enum dns_result dns_host_addresses(struct slice name, int family,
                                                     deadline_t until, struct arena *arena,
                                                     struct dns_answer *answer,
                                                     struct error *error);
/* The names of an address: hosts file first, then PTR. records[].target */
MUST_USE MAY_WAIT enum dns_result dns_host_names(const struct endpoint *endpoint,
                                                 deadline_t until, struct arena *arena,
                                                 struct dns_answer *answer,
                                                 struct error *error);
