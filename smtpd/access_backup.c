/* permit_mx_backup, and names of restrictions that are no longer. */
#include "base/log.h"
#include "conf/params.h"
#include "hosts.h"
#include "mail/address.h"
#include "restriction.h"
#include "route/interfaces.h"
#include "settings.h"

#define ADDRESS_LIMIT SECONDS(100)

/* The mail exchangers of the recipient's domain. */
struct exchangers {
    struct check *check;
    struct dns_answer answer;
    unsigned best; /* the lowest preference */
};

static bool is_ours(struct check *check, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_BYTES + 8];

    return interfaces_have_literal(slice_from(
        arena_printf(&check->session->scratch, "[%s]", endpoint_literal(endpoint, text))));
}

/* What could not be found out must not refuse the recipient for good. */
static bool find_addresses(struct check *check, struct slice host, struct dns_answer *answer)
{
    struct error error;
    enum dns_result result = dns_host_addresses(host, AF_UNSPEC, deadline_in(ADDRESS_LIMIT),
                                                &check->session->scratch, answer, &error);

    if (result == DNS_OK)
        return true;
    check_defer_if_reject(check, 450, "4.4.4",
                          "<%.*s>: Recipient address rejected: Unable to look up mail "
                          "exchanger host %.*s: %s",
                          SLICE_ARG(check->recipient), SLICE_ARG(host),
                          client_name_trouble(result));
    return false;
}

static bool is_our_name(struct slice host)
{
    return slice_same_nocase(host, slice_from(params.myhostname));
}

static bool has_our_address(struct check *check, struct slice host)
{
    struct dns_answer answer;

    if (!find_addresses(check, host, &answer))
        return false;
    for (size_t i = 0; i < answer.n_records; i++) {
        if (is_ours(check, &answer.records[i].address))
            return true;
    }
    return false;
}

static bool have_our_name(const struct exchangers *exchangers)
{
    for (size_t i = 0; i < exchangers->answer.n_records; i++) {
        if (is_our_name(exchangers->answer.records[i].target))
            return true;
    }
    return false;
}

/* We are among them, and others come first. Addresses are of interest where no name is ours. */
static bool are_backup(const struct exchangers *exchangers)
{
    bool by_name = have_our_name(exchangers);
    bool is_listed = false;

    for (size_t i = 0; i < exchangers->answer.n_records; i++) {
        const struct dns_record *record = &exchangers->answer.records[i];

        if (by_name ? !is_our_name(record->target)
                    : !has_our_address(exchangers->check, record->target))
            continue;
        if (record->preference == exchangers->best)
            return false;
        is_listed = true;
    }
    return is_listed;
}

/* permit_mx_backup_networks: all addresses of the host are in them. */
static bool is_known(struct check *check, struct slice host)
{
    struct dns_answer answer;
    struct error error;

    if (!find_addresses(check, host, &answer))
        return false;
    for (size_t i = 0; i < answer.n_records; i++) {
        if (match_list_client(settings.backup_networks, host, &answer.records[i].address,
                              &error) != TABLE_FOUND)
            return false;
    }
    return true;
}

static bool are_known(const struct exchangers *exchangers)
{
    bool all = true;

    if (match_list_is_empty(settings.backup_networks))
        return true;
    for (size_t i = 0; i < exchangers->answer.n_records; i++) {
        const struct dns_record *record = &exchangers->answer.records[i];

        if (record->preference == exchangers->best &&
            !is_known(exchangers->check, record->target))
            all = false;
    }
    return all;
}

static enum access_result permit_backup(struct check *check, struct slice domain)
{
    struct exchangers exchangers = {.check = check, .best = UINT16_MAX};
    struct error error;
    enum dns_result found =
        hosts_look_up(domain, DNS_MX, &check->session->scratch, &exchangers.answer, &error);

    if (found == DNS_TEMPORARY) {
        return check_defer_if_reject(
            check, 450, "4.4.4",
            "<%.*s>: Recipient address rejected: Unable to look up mail exchanger "
            "information: Host not found, try again",
            SLICE_ARG(check->recipient));
    }
    if (found != DNS_OK)
        return ACCESS_DUNNO;
    for (size_t i = 0; i < exchangers.answer.n_records; i++) {
        if (exchangers.answer.records[i].preference < exchangers.best)
            exchangers.best = exchangers.answer.records[i].preference;
    }
    return are_backup(&exchangers) && are_known(&exchangers) ? ACCESS_PERMIT : ACCESS_DUNNO;
}

enum access_result restrict_permit_mx_backup(struct check *check,
                                             const struct restriction *restriction)
{
    const unsigned ours =
        RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_ALIAS | RESOLVE_CLASS_VIRTUAL | RESOLVE_CLASS_RELAY;
    const struct resolved *resolved;
    struct slice domain;

    (void)restriction;
    if (!check->has_recipient)
        return ACCESS_DUNNO;
    resolved = check_resolve_recipient(check);
    if (!resolved)
        return check_lookup_failed(check, check->recipient);
    domain = address_domain(resolved->recipient);
    if (domain.len == 0)
        return ACCESS_PERMIT;
    if (resolved->flags & ours)
        return resolved->flags & RESOLVE_ROUTED ? check_auth_destination(check) : ACCESS_PERMIT;
    return domain.ptr[0] == '[' ? ACCESS_DUNNO : permit_backup(check, domain);
}

/* -- what an old main.cf may still have ---------------------------------------------------- */

enum access_result restrict_nothing(struct check *check, const struct restriction *restriction)
{
    bool is_list = strcmp(restriction->name, "reject_maps_rbl") == 0;

    (void)check;
    log_warning("support for restriction \"%s\" has been removed; use \"%s\" instead",
                restriction->name,
                is_list ? "reject_rbl_client domain-name"
                        : "permit_mynetworks or permit_sasl_authenticated");
    return ACCESS_DUNNO;
}

/* Who relied on it must not become an open relay. */
enum access_result restrict_check_relay_domains(struct check *check,
                                                const struct restriction *restriction)
{
    log_warning("support for restriction \"check_relay_domains\" has been removed; use "
                "\"reject_unauth_destination\" instead");
    return restrict_unauth_destination(check, restriction);
}
