/*
 * check_*_{a,mx,ns}_access: the servers behind a domain (its addresses, mail exchangers, name
 * servers) looked up in an access table, by name and by address.
 */
#include "base/log.h"
#include "dns/dns.h"
#include "hosts.h"
#include "mail/address.h"
#include "restriction.h"

#define LOOKUP_LIMIT SECONDS(100)

/* One request: servers of which kind, of which domain, on whose behalf. */
struct search {
    struct check *check;
    const struct access_table *table;
    enum dns_type type;
    struct slice domain;
    struct slice subject; /* "a@example.com": what the domain was taken from */
    const char *class;
};

/* A host that is good would let in whoever names it: OK makes no sense. */
static enum access_result no_permit(const struct search *search, enum access_result result)
{
    if (result != ACCESS_PERMIT)
        return result;
    log_warning("access table %s: OK is not allowed for %s hosts, use DUNNO",
                search->table->spec, dns_type_name(search->type));
    return check_misconfigured(search->check);
}

static enum access_result check_addresses(const struct search *search, struct slice host)
{
    struct arena *arena = &search->check->session->scratch;
    char text[ENDPOINT_TEXT_BYTES];
    struct dns_answer answer;
    struct error error;
    enum dns_result found =
        dns_host_addresses(host, AF_UNSPEC, deadline_in(LOOKUP_LIMIT), arena, &answer, &error);

    if (found != DNS_OK && search->type == DNS_A)
        return ACCESS_DUNNO;
    if (found != DNS_OK) {
        log_warning("Unable to look up %s host %.*s for %s %.*s: %s",
                    dns_type_name(search->type), SLICE_ARG(host), search->class,
                    SLICE_ARG(search->subject),
                    found == DNS_TEMPORARY ? "Temporary failure in name resolution"
                                           : "Name or service not known");
        return ACCESS_DUNNO;
    }
    for (size_t i = 0; i < answer.n_records; i++) {
        struct slice address =
            arena_slice(arena, slice_from(endpoint_text(&answer.records[i].address, text)));
        enum access_result result = access_look_up_address(
            search->check, search->table, address, search->subject, search->class);

        if (result != ACCESS_DUNNO)
            return no_permit(search, result);
    }
    return ACCESS_DUNNO;
}

static enum access_result check_host(const struct search *search, struct slice host)
{
    enum access_result result = access_look_up_domain(search->check, search->table, host,
                                                      search->subject, search->class);

    if (result != ACCESS_DUNNO)
        return no_permit(search, result);
    return check_addresses(search, host);
}

static enum access_result check_hosts(const struct search *search,
                                      const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->n_records; i++) {
        enum access_result result;

        if (answer->records[i].target.len == 0)
            continue; /* null MX */
        result = check_host(search, answer->records[i].target);
        if (result != ACCESS_DUNNO)
            return result;
    }
    return ACCESS_DUNNO;
}

/* RFC 5321 section 5.1: a domain without MX is its own mail exchanger. */
static enum access_result check_exchangers(const struct search *search)
{
    struct dns_answer answer;
    struct error error;

    switch (hosts_look_up(search->domain, DNS_MX, &search->check->session->scratch, &answer,
                          &error)) {
    case DNS_OK:
        return check_hosts(search, &answer);
    case DNS_NO_NAME:
    case DNS_NO_DATA:
        return check_host(search, search->domain);
    case DNS_TEMPORARY:
    case DNS_POLICY:
        break;
    }
    log_warning("Unable to look up MX host for %.*s: %s", SLICE_ARG(search->subject),
                error.text);
    return ACCESS_DUNNO;
}

/* The name servers of the zone that the name is in: those of the nearest parent that has some.
 */
static enum access_result check_name_servers(const struct search *search)
{
    struct slice zone = search->domain;
    struct dns_answer answer;
    struct error error;

    while (zone.len) {
        enum dns_result found =
            hosts_look_up(zone, DNS_NS, &search->check->session->scratch, &answer, &error);

        if (found == DNS_OK)
            return check_hosts(search, &answer);
        if (found == DNS_TEMPORARY)
            break;
        (void)slice_split(&zone, '.');
    }
    log_warning("Unable to look up NS host for %.*s: %s", SLICE_ARG(search->subject),
                zone.len ? error.text : "Host found but no data record of requested type");
    return ACCESS_DUNNO;
}

/* user@[192.0.2.1]: the address is all there is. */
static enum access_result check_literal(const struct search *search)
{
    struct slice address = slice_sub(search->domain, 1, search->domain.len - 2);

    if (slice_starts_with_nocase(address, "IPv6:"))
        address = slice_from_offset(address, 5);
    return no_permit(search, access_look_up_address(search->check, search->table, address,
                                                    search->subject, search->class));
}

static enum access_result search_servers(const struct search *search)
{
    if (search->domain.len == 0 || slice_equals(search->domain, "unknown"))
        return ACCESS_DUNNO;
    if (search->domain.ptr[0] == '[')
        return search->type == DNS_NS ? ACCESS_DUNNO : check_literal(search);
    if (!hostname_is_valid(search->domain))
        return ACCESS_DUNNO;
    if (search->type == DNS_MX)
        return check_exchangers(search);
    if (search->type == DNS_NS)
        return check_name_servers(search);
    return check_addresses(search, search->domain);
}

static enum access_result of_name(struct check *check, const struct restriction *restriction,
                                  enum dns_type type, struct slice name, const char *class)
{
    const struct search search = {.check = check,
                                  .table = &restriction->table,
                                  .type = type,
                                  .domain = name,
                                  .subject = name,
                                  .class = class};

    return search_servers(&search);
}

static enum access_result of_address(struct check *check, const struct restriction *restriction,
                                     enum dns_type type, struct slice address,
                                     const char *class)
{
    const struct search search = {.check = check,
                                  .table = &restriction->table,
                                  .type = type,
                                  .domain = address_domain(address),
                                  .subject = address,
                                  .class = class};

    return search_servers(&search);
}

static struct slice sender_of(const struct check *check)
{
    struct slice sender;

    return check_sender(check, &sender) ? sender : SLICE_EMPTY;
}

static struct slice client_of(const struct check *check)
{
    return check->session->peer.text.name;
}

static struct slice reverse_client_of(const struct check *check)
{
    return check->session->peer.text.reverse_name;
}

static struct slice helo_of(const struct check *check)
{
    return buf_slice(&check->session->helo);
}

/* Outside of RCPT there is none. */
static struct slice recipient_of(const struct check *check)
{
    return check->has_recipient ? check->recipient : SLICE_EMPTY;
}

#define RESTRICTION(function, of, type, subject, class)                              \
    enum access_result function(struct check *check, const struct restriction *item) \
    {                                                                                \
        return of(check, item, type, subject(check), class);                         \
    }

RESTRICTION(restrict_client_a, of_name, DNS_A, client_of, CLASS_CLIENT)
RESTRICTION(restrict_client_mx, of_name, DNS_MX, client_of, CLASS_CLIENT)
RESTRICTION(restrict_client_ns, of_name, DNS_NS, client_of, CLASS_CLIENT)
RESTRICTION(restrict_reverse_client_a, of_name, DNS_A, reverse_client_of, CLASS_REVERSE)
RESTRICTION(restrict_reverse_client_mx, of_name, DNS_MX, reverse_client_of, CLASS_REVERSE)
RESTRICTION(restrict_reverse_client_ns, of_name, DNS_NS, reverse_client_of, CLASS_REVERSE)
RESTRICTION(restrict_helo_a, of_name, DNS_A, helo_of, CLASS_HELO)
RESTRICTION(restrict_helo_mx, of_name, DNS_MX, helo_of, CLASS_HELO)
RESTRICTION(restrict_helo_ns, of_name, DNS_NS, helo_of, CLASS_HELO)
RESTRICTION(restrict_sender_a, of_address, DNS_A, sender_of, CLASS_SENDER)
RESTRICTION(restrict_sender_mx, of_address, DNS_MX, sender_of, CLASS_SENDER)
RESTRICTION(restrict_sender_ns, of_address, DNS_NS, sender_of, CLASS_SENDER)
RESTRICTION(restrict_recipient_a, of_address, DNS_A, recipient_of, CLASS_RECIPIENT)
RESTRICTION(restrict_recipient_mx, of_address, DNS_MX, recipient_of, CLASS_RECIPIENT)
RESTRICTION(restrict_recipient_ns, of_address, DNS_NS, recipient_of, CLASS_RECIPIENT)
