#include "destination.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "conf/params.h"
#include "dns/dns.h"
#include "dnssec.h"
#include "mail/address.h"
#include "net/hostport.h"
#include "options.h"
#include "route/client_name.h"
#include "route/next_hop.h"
#include "srv.h"

enum { HOSTS_MAX = 200 };

struct slice destination_next(struct slice *rest)
{
    return slice_word(rest, ", \t\r\n");
}

static int fail(struct arena *arena, struct dsn *dsn, const char *status, const char *text)
{
    *dsn = (struct dsn){.reason = arena_slice(arena, slice_from(text))};
    memcpy(dsn->status, status, strlen(status) + 1);
    dsn->action = *status == '4' ? "delayed" : "failed";
    return -1;
}

/* -- collecting addresses
 * ---------------------------------------------------------------------- */

struct search {
    struct arena *arena;
    deadline_t until;
    struct host_list *list;
    struct dsn *dsn; /* of the last failure */
    uint16_t port;
};

static int failed_lookup(struct search *search, enum dns_result result,
                         const struct error *error)
{
    const char *status = result == DNS_TEMPORARY ? "4.4.3"
                         : result == DNS_POLICY  ? "4.7.0"
                                                 : "5.4.4";

    return fail(search->arena, search->dsn, status, error->text);
}

static bool family_is_used(int family)
{
    return family == AF_INET ? options.protocols.v4
                             : family == AF_INET6 && options.protocols.v6;
}

static int family_to_ask(void)
{
    if (options.protocols.v4 && options.protocols.v6)
        return AF_UNSPEC;
    return options.protocols.v6 ? AF_INET6 : AF_INET;
}

/* One more address of the host. */
static void append_host(struct search *search, const struct host *host,
                        const struct endpoint *address)
{
    struct host_list *list = search->list;

    if (list->count == HOSTS_MAX || !family_is_used(endpoint_family(address)))
        return;
    if (!list->hosts)
        list->hosts = arena_array(search->arena, struct host, HOSTS_MAX);
    struct host *added = &list->hosts[list->count++];
    *added = *host;
    added->address = *address;
    endpoint_set_port(&added->address, search->port);
}

/* What one question brought is worth more than what is known so far. */
static bool is_better(enum dns_result one, enum dns_result known, const struct error *error)
{
    return known != DNS_OK && (one == DNS_OK || error->kind != ERROR_TEMPORARY);
}

/* The name server's addresses of both families. */
static enum dns_result append_asked(struct search *search, struct host *host,
                                    struct error *error)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    enum dns_result result = DNS_NO_DATA;
    struct dns_answer answer;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct error why;
        if (!(types[i] == DNS_A ? options.protocols.v4 : options.protocols.v6))
            continue;
        enum dns_result one =
            dnssec_lookup(host->name, types[i], search->until, search->arena, &answer, &why);
        if (one == DNS_OK) {
            host->expanded = answer.name;
            if (options.cname_overrides_name)
                host->name = answer.name;
            host->is_secure = answer.is_validated;
        }
        for (size_t k = 0; one == DNS_OK && k < answer.n_records; k++)
            append_host(search, host, &answer.records[k].address);
        if (is_better(one, result, error)) {
            result = one;
            *error = why;
        }
    }
    return result;
}

static int fail_native(struct search *search, const struct host *host, const char *status,
                       const char *why)
{
    return fail(search->arena, search->dsn, status,
                arena_printf(search->arena, "unable to look up host %.*s: %s",
                             SLICE_ARG(host->name), why));
}

/* The addresses that the system's own look-up knows. */
static int append_native(struct search *search, const struct host *host)
{
    struct dns_answer answer;
    struct error error;
    enum dns_result result = dns_host_addresses(host->name, family_to_ask(), search->until,
                                                search->arena, &answer, &error);

    for (size_t i = 0; result == DNS_OK && i < answer.n_records; i++)
        append_host(search, host, &answer.records[i].address);
    if (result == DNS_OK)
        return 0;
    const char *status = dns_result_is_failure(result) ? "4.4.3"
                         : result == DNS_NO_NAME       ? "5.4.4"
                                                       : "5.3.0";
    return fail_native(search, host, status, client_name_trouble(result));
}

/* An address in place of a name; of a family that inet_protocols leaves out it leads nowhere.
 */
static int append_literal(struct search *search, const struct host *host,
                          const struct endpoint *literal)
{
    if (family_is_used(endpoint_family(literal))) {
        append_host(search, host, literal);
        return 0;
    }
    if (options.host_lookup & HOST_LOOKUP_NATIVE)
        return fail_native(search, host, "5.3.0", "Address family for hostname not supported");
    return fail(search->arena, search->dsn, "5.4.4",
                arena_printf(search->arena,
                             "Name service error for %.*s: invalid host or domain name",
                             SLICE_ARG(host->name)));
}

/* The addresses of one host name; -1 with the reason when there is none. */
static int append_addresses(struct search *search, struct host host)
{
    struct error error = ERROR_INIT;
    struct endpoint literal;

    host.name = host.expanded = arena_slice(search->arena, host.name);
    if (endpoint_parse(&literal, host.name, 0) == 0)
        return append_literal(search, &host, &literal);
    if (options.host_lookup & HOST_LOOKUP_DNS) {
        enum dns_result result = append_asked(search, &host, &error);
        if (result == DNS_OK)
            return 0;
        if (dns_result_is_failure(result) || !(options.host_lookup & HOST_LOOKUP_NATIVE))
            return failed_lookup(search, result, &error);
    }
    return append_native(search, &host);
}

/* -- order and limits
 * ---------------------------------------------------------------------------- */

static bool is_own(const struct endpoint *address)
{
    for (size_t i = 0; i < options.n_own; i++)
        if (endpoint_same_address(&options.own[i], address))
            return true;
    return false;
}

static void shuffle(struct host *hosts, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        uint32_t random;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return;
        struct host swapped = hosts[i - 1];
        hosts[i - 1] = hosts[random % i];
        hosts[random % i] = swapped;
    }
}

/* Preferred family first among equals; 0 where there is no preference. */
static int family_rank(const struct host *host)
{
    const char *preferred = options.address_preference;

    if (strcmp(preferred, "ipv6") == 0)
        return endpoint_family(&host->address) != AF_INET6;
    if (strcmp(preferred, "ipv4") == 0)
        return endpoint_family(&host->address) != AF_INET;
    return 0;
}

static int compare_hosts(const void *a, const void *b)
{
    const struct host *one = a, *other = b;

    if (one->preference != other->preference)
        return one->preference < other->preference ? -1 : 1;
    return family_rank(one) - family_rank(other);
}

static void insertion_sort(struct host *hosts, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct host moved = hosts[i];
        size_t to = i;
        for (; to > 0 && compare_hosts(&hosts[to - 1], &moved) > 0; to--)
            hosts[to] = hosts[to - 1];
        hosts[to] = moved;
    }
}

/*
 * Cut down to the address limit; where both families are there, neither may fill it alone
 * (smtp_balance_inet_protocols).
 */
static void limit_addresses(struct host_list *list)
{
    size_t limit = (size_t)options.mx_address_limit, kept = 0, n_of[2] = {0};

    if (limit == 0 || list->count <= limit)
        return;
    for (size_t i = 0; i < list->count; i++)
        n_of[endpoint_family(&list->hosts[i].address) == AF_INET6]++;
    if (!options.balance_protocols || n_of[0] == 0 || n_of[1] == 0) {
        list->count = limit;
        return;
    }
    size_t most[2] = {limit - (n_of[1] < limit / 2 ? n_of[1] : limit / 2),
                      limit - (n_of[0] < limit / 2 ? n_of[0] : limit / 2)};
    for (size_t i = 0; i < list->count && kept < limit; i++) {
        bool is_v6 = endpoint_family(&list->hosts[i].address) == AF_INET6;
        if (most[is_v6] == 0)
            continue;
        most[is_v6]--;
        list->hosts[kept++] = list->hosts[i];
    }
    list->count = kept;
}

/* Stable, so the shuffled order of equals stays. */
static void order_hosts(struct host_list *list)
{
    if (options.randomize_addresses)
        shuffle(list->hosts, list->count);
    insertion_sort(list->hosts, list->count);
}

/* We are among the mail exchangers: only better ones than we may get the mail (RFC 5321 5.1).
 */
static int drop_self(struct search *search, struct slice domain)
{
    struct host_list *list = search->list;
    size_t self = 0;

    while (self < list->count && !is_own(&list->hosts[self].address))
        self++;
    if (self == list->count)
        return 0;
    list->has_us = true;
    unsigned preference = list->hosts[self].preference;
    list->count = 0;
    while (list->hosts[list->count].preference < preference)
        list->count++;
    if (list->count > 0)
        return 0;
    list->leads_here = true;
    const char *text =
        arena_printf(search->arena, "mail for %.*s loops back to myself", SLICE_ARG(domain));
    return fail(search->arena, search->dsn, "5.4.6", text);
}

/* Those that are tried, in their order. */
static int choose_hosts(struct search *search, struct slice domain)
{
    order_hosts(search->list);
    /* A port of its own is another server, even on our address; LMTP never leads to smtpd. */
    if (!options.is_lmtp && search->port == options.default_port &&
        drop_self(search, domain) < 0)
        return -1;
    limit_addresses(search->list);
    return 0;
}

/* -- mail exchangers
 * ------------------------------------------------------------------------------ */

static bool has_better(const struct dns_answer *answer, unsigned preference)
{
    for (size_t i = 0; i < answer->n_records; i++)
        if (answer->records[i].preference < preference)
            return true;
    return false;
}

/* An address in the place of a name is no host: others that take it hide the mistake. */
static void warn_if_numeric(struct slice domain, struct slice target)
{
    struct endpoint endpoint;

    if (endpoint_parse(&endpoint, target, 0) == 0)
        log_warning("numeric domain name in resource data of MX record for %.*s: %.*s",
                    SLICE_ARG(domain), SLICE_ARG(target));
}

static int mx_hosts(struct search *search, struct slice domain, const struct dns_answer *answer)
{
    int found = -1;

    if (answer->n_records == 1 && slice_is_empty(answer->records[0].target)) {
        const char *text = arena_printf(
            search->arena, "Domain %.*s does not accept mail (nullMX)", SLICE_ARG(domain));
        return fail(search->arena, search->dsn, "5.1.0", text);
    }
    for (size_t i = 0; i < answer->n_records; i++) {
        struct dsn before = *search->dsn;

        warn_if_numeric(domain, answer->records[i].target);
        struct host host = {.name = answer->records[i].target,
                            .preference = answer->records[i].preference,
                            .is_backup = has_better(answer, answer->records[i].preference),
                            .has_mx = true,
                            .mx_is_secure = answer->is_validated};
        if (append_addresses(search, host) == 0)
            found = 0;
        else if (before.status[0] == '4')
            *search->dsn = before; /* one that may come back outweighs those that won't */
    }
    if (found < 0) {
        if (options.defer_if_no_mx_address && search->dsn->status[0] == '5')
            dsn_set_class(search->dsn->status, '4');
        log_warning("no MX host for %.*s has a valid address record", SLICE_ARG(domain));
        return -1;
    }
    return choose_hosts(search, domain);
}

static int domain_hosts(struct search *search, struct slice domain)
{
    struct dns_answer answer;
    struct error error;
    enum dns_result result =
        dnssec_lookup(domain, DNS_MX, search->until, search->arena, &answer, &error);

    if (result == DNS_OK)
        return mx_hosts(search, domain, &answer);
    if (result == DNS_POLICY || (result == DNS_TEMPORARY && !params.ignore_mx_lookup_error))
        return failed_lookup(search, result, &error);
    if (append_addresses(search, (struct host){.name = domain}) < 0)
        return -1;
    return choose_hosts(search, domain);
}

/* -- services ---------------------------------------------------------------------------- */

static unsigned random_below(unsigned below)
{
    uint32_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return 0;
    return random % below;
}

static int srv_addresses(struct search *search, struct slice name,
                         const struct dns_answer *answer)
{
    int found = -1;

    if (answer->n_records == 1 && slice_is_empty(answer->records[0].target))
        return fail(search->arena, search->dsn, "5.4.4",
                    arena_printf(search->arena, "%.*s: this service is not available",
                                 SLICE_ARG(name)));
    srv_sort(answer->records, answer->n_records, random_below);
    for (size_t i = 0; i < answer->n_records; i++) {
        struct host host = {.name = answer->records[i].target, .preference = (unsigned)i};
        struct dsn before = *search->dsn;

        search->port = answer->records[i].port;
        if (append_addresses(search, host) == 0)
            found = 0;
        else if (before.status[0] == '4')
            *search->dsn = before; /* as with mail exchangers */
    }
    if (found == 0) {
        order_hosts(search->list);
        limit_addresses(search->list);
    }
    return found;
}

/* RFC 6186 and the like: _submission._tcp.example.com. */
static int service_hosts(struct search *search, const struct next_hop *target)
{
    struct dns_answer answer;
    struct error error;
    struct slice name = slice_from(arena_printf(
        search->arena, "_%.*s._tcp.%.*s", SLICE_ARG(target->service), SLICE_ARG(target->host)));
    enum dns_result result =
        dnssec_lookup(name, DNS_SRV, search->until, search->arena, &answer, &error);
    bool goes_on = result == DNS_TEMPORARY
                       ? params.ignore_srv_lookup_error
                       : result != DNS_POLICY && params.allow_srv_lookup_fallback;

    if (result == DNS_OK)
        return srv_addresses(search, name, &answer);
    if (!goes_on)
        return failed_lookup(search, result, &error);
    if (service_port(target->service, &search->port, NULL) < 0)
        search->port = options.default_port;
    return domain_hosts(search, target->host);
}

/* As the DNS has it; a name that has no such form is asked for as it is, and not found. */
static struct slice in_ascii(struct slice domain, struct arena *arena)
{
    CLEANUP(buf_release) struct buf ascii = BUF_INIT;
    struct error error;

    if (slice_is_ascii(domain) || unicode_domain_to_ascii(&ascii, domain, &error) < 0)
        return domain;
    return arena_slice(arena, buf_slice(&ascii));
}

static bool is_host(struct slice name)
{
    struct endpoint literal;

    if (slice_ends_with(name, "."))
        name = slice_sub(name, 0, name.len - 1);
    return hostname_is_valid(name) || endpoint_parse(&literal, name, 0) == 0;
}

int destination_hosts(struct slice nexthop, deadline_t until, struct arena *arena,
                      struct host_list *list, struct dsn *dsn)
{
    struct search search = {.arena = arena, .until = until, .list = list, .dsn = dsn};
    struct next_hop target;

    *list = (struct host_list){0};
    *dsn = (struct dsn){0};
    if (!next_hop_parse(nexthop, options.is_lmtp ? NEXT_HOP_LMTP : NEXT_HOP_SMTP,
                        options.default_port, &target) ||
        (target.unix_path.len == 0 && !is_host(target.host)))
        return fail(arena, dsn, "4.3.5",
                    arena_printf(arena, "bad next hop: %.*s", SLICE_ARG(nexthop)));
    if (target.unix_path.len > 0) {
        list->hosts = arena_new(arena, struct host);
        list->hosts[0] = (struct host){.name = slice_from(params.myhostname),
                                       .unix_path = arena_slice(arena, target.unix_path)};
        list->count = 1;
        return 0;
    }
    search.port = target.port;
    target.host = in_ascii(target.host, arena);
    if (target.service.len > 0 && options.use_dns)
        return service_hosts(&search, &target);
    if (target.use_mx && options.use_dns)
        return domain_hosts(&search, target.host);
    return append_addresses(&search, (struct host){.name = target.host}) < 0
               ? -1
               : choose_hosts(&search, target.host);
}
