/* Restrictions on the form and the domain of sender and recipient. */
#include "conf/params.h"
#include "hosts.h"
#include "mail/address.h"
#include "restriction.h"

/* Where sender and recipient differ. */
struct party {
    struct slice address;
    const char *class;
    const char *unknown_dsn, *null_mx_dsn;
};

static bool sender_party(const struct check *check, struct party *party)
{
    *party =
        (struct party){.class = CLASS_SENDER, .unknown_dsn = "4.1.8", .null_mx_dsn = "5.7.27"};
    return check_sender(check, &party->address) && party->address.len;
}

static bool recipient_party(const struct check *check, struct party *party)
{
    *party = (struct party){.address = check->recipient,
                            .class = CLASS_RECIPIENT,
                            .unknown_dsn = "4.1.2",
                            .null_mx_dsn = "5.1.10"};
    return check->has_recipient;
}

static enum access_result require_fqdn(struct check *check, const struct party *party)
{
    struct slice domain = address_domain(party->address);

    if (domain.len > 1 && slice_ends_with(domain, "."))
        domain.len--;
    if (domain.len && (domain.ptr[0] == '[' ||
                       (hostname_is_valid(domain) && slice_find(domain, '.') < domain.len)))
        return ACCESS_DUNNO;
    return check_reject_subject(check, params.non_fqdn_reject_code, "5.5.2", party->address,
                                party->class, "need fully-qualified address");
}

enum access_result restrict_non_fqdn_sender(struct check *check,
                                            const struct restriction *restriction)
{
    struct party party;

    (void)restriction;
    return sender_party(check, &party) ? require_fqdn(check, &party) : ACCESS_DUNNO;
}

/* RFC 5321 section 4.5.1: "Postmaster" alone is always an address. */
enum access_result restrict_non_fqdn_recipient(struct check *check,
                                               const struct restriction *restriction)
{
    struct party party;

    (void)restriction;
    if (!recipient_party(check, &party) || slice_equals_nocase(party.address, "postmaster"))
        return ACCESS_DUNNO;
    return require_fqdn(check, &party);
}

static enum access_result require_domain(struct check *check, const struct party *party)
{
    struct slice domain = address_domain(party->address);
    enum hosts_result found;

    found = hosts_find_mail(domain, &check->session->scratch);
    switch (found) {
    case HOSTS_FOUND:
        return ACCESS_DUNNO;
    case HOSTS_NULL_MX:
        return check_reject(check, NOTICE_POLICY, 550, party->null_mx_dsn,
                            "<%.*s>: %s rejected: Domain %.*s does not accept mail (nullMX)",
                            SLICE_ARG(party->address), party->class, SLICE_ARG(domain));
    case HOSTS_NONE:
        return check_reject_subject(check, params.unknown_address_reject_code,
                                    party->unknown_dsn, party->address, party->class,
                                    "Domain not found");
    case HOSTS_TEMPORARY:
        break;
    }
    return check_tempfail(check, params.unknown_address_tempfail_action, party->unknown_dsn,
                          "<%.*s>: %s rejected: Domain not found", SLICE_ARG(party->address),
                          party->class);
}

/* Our own domains need no DNS, and address literals have none. */
static enum access_result require_unless_ours(struct check *check, const struct party *party,
                                              const struct resolved *resolved)
{
    const unsigned final = RESOLVE_CLASS_LOCAL | RESOLVE_CLASS_ALIAS | RESOLVE_CLASS_VIRTUAL;
    struct slice domain = address_domain(party->address);

    if (!resolved)
        return check_lookup_failed(check, party->address);
    if ((resolved->flags & final) || domain.len == 0 || domain.ptr[0] == '[')
        return ACCESS_DUNNO;
    return require_domain(check, party);
}

enum access_result restrict_unknown_sender_domain(struct check *check,
                                                  const struct restriction *restriction)
{
    struct resolved resolved;
    struct party party;

    (void)restriction;
    if (!sender_party(check, &party))
        return ACCESS_DUNNO;
    return require_unless_ours(
        check, &party, check_resolve(check, party.address, &resolved) < 0 ? NULL : &resolved);
}

enum access_result restrict_unknown_recipient_domain(struct check *check,
                                                     const struct restriction *restriction)
{
    struct party party;

    (void)restriction;
    if (!recipient_party(check, &party))
        return ACCESS_DUNNO;
    return require_unless_ours(check, &party, check_resolve_recipient(check));
}

/* The old name of both. */
enum access_result restrict_unknown_address(struct check *check,
                                            const struct restriction *restriction)
{
    enum access_result result = restrict_unknown_sender_domain(check, restriction);

    if (result != ACCESS_DUNNO)
        return result;
    return restrict_unknown_recipient_domain(check, restriction);
}
