/* Restrictions on the name that the client gives itself. */
#include "conf/params.h"
#include "dns/dns.h"
#include "hosts.h"
#include "mail/address.h"
#include "restriction.h"

static enum access_result refuse(struct check *check, int code, const char *dsn,
                                 const char *text)
{
    return check_reject_subject(check, code, dsn, buf_slice(&check->session->helo), CLASS_HELO,
                                text);
}

static bool is_literal(struct slice name)
{
    return name.len && name.ptr[0] == '[';
}

static struct slice helo_name(const struct check *check)
{
    struct slice name = buf_slice(&check->session->helo);

    if (name.len > 1 && slice_ends_with(name, "."))
        name.len--;
    return name;
}

enum access_result restrict_invalid_helo(struct check *check,
                                         const struct restriction *restriction)
{
    struct slice name = helo_name(check);
    struct endpoint numeric;

    (void)restriction;
    if (name.len == 0)
        return ACCESS_DUNNO;
    if (is_literal(name)) {
        if (hostname_is_valid_or_literal(name))
            return ACCESS_DUNNO;
        return refuse(check, params.invalid_hostname_reject_code, "5.5.2",
                      "invalid ip address");
    }
    if (hostname_is_valid(name) || endpoint_parse(&numeric, name, 0) == 0)
        return ACCESS_DUNNO;
    return refuse(check, params.invalid_hostname_reject_code, "5.5.2", "Invalid name");
}

enum access_result restrict_non_fqdn_helo(struct check *check,
                                          const struct restriction *restriction)
{
    struct slice name = helo_name(check);
    struct endpoint numeric;

    (void)restriction;
    if (name.len == 0 || is_literal(name))
        return ACCESS_DUNNO;
    if (hostname_is_valid(name) && slice_find(name, '.') < name.len &&
        endpoint_parse(&numeric, name, 0) < 0)
        return ACCESS_DUNNO;
    return refuse(check, params.non_fqdn_reject_code, "5.5.2", "need fully-qualified hostname");
}

enum access_result restrict_unknown_helo(struct check *check,
                                         const struct restriction *restriction)
{
    struct slice name = helo_name(check);

    (void)restriction;
    if (name.len == 0)
        return ACCESS_DUNNO;
    if (is_literal(name))
        return restrict_invalid_helo(check, restriction);
    switch (hosts_find_mail(name, &check->session->scratch)) {
    case HOSTS_FOUND:
    case HOSTS_NULL_MX:
        return ACCESS_DUNNO;
    case HOSTS_NONE:
        return refuse(check, params.unknown_hostname_reject_code, "4.7.1", "Host not found");
    case HOSTS_TEMPORARY:
        break;
    }
    return check_tempfail(check, params.unknown_helo_hostname_tempfail_action, "4.7.1",
                          "<%s>: %s rejected: Host not found", check->session->helo.data,
                          CLASS_HELO);
}
