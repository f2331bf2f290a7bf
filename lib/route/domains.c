/* The domain lists of main.cf. */
#include "route/domains.h"

#include "base/bug.h"
#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "route/interfaces.h"
#include "route/open_maps.h"

static struct match_list *local;
static struct match_list *lists[N_DOMAIN_LISTS];

const char *domain_list_name(enum domain_list list)
{
    static const char *const names[N_DOMAIN_LISTS] = {
        [DOMAINS_ALIAS] = "virtual_alias_domains",
        [DOMAINS_MAILBOX] = "virtual_mailbox_domains",
        [DOMAINS_RELAY] = "relay_domains",
    };
    return names[list];
}

enum match_parents domains_parents(const char *feature)
{
    return words_have(slice_from(params.parent_domain_matches_subdomains), slice_from(feature))
               ? MATCH_PARENTS_BARE
               : MATCH_PARENTS_DOT;
}

void domains_open_local(void)
{
    if (local)
        return;
    interfaces_open();
    local = open_list("mydestination", params.mydestination, MATCH_PARENTS_NEVER);
}

void domains_open(void)
{
    domains_open_local();
    if (lists[DOMAINS_ALIAS])
        return;
    lists[DOMAINS_ALIAS] =
        open_list("virtual_alias_domains", params.virtual_alias_domains, MATCH_PARENTS_NEVER);
    lists[DOMAINS_MAILBOX] = open_list("virtual_mailbox_domains",
                                       params.virtual_mailbox_domains, MATCH_PARENTS_NEVER);
    lists[DOMAINS_RELAY] =
        open_list("relay_domains", params.relay_domains, domains_parents("relay_domains"));
}

static int ask(struct match_list *list, const char *name, struct slice domain,
               struct error *error)
{
    bug_if(!list);
    switch (match_list_name(list, domain, error)) {
    case TABLE_FOUND:
        return 1;
    case TABLE_NOT_FOUND:
        return 0;
    case TABLE_ERROR:
    default:
        log_warning("%s", error->text);
        log_warning("%s lookup failure", name);
        return error_set(error, ERROR_TEMPORARY, "%s lookup failure", name);
    }
}

int domain_is_local(struct slice domain, struct error *error)
{
    int found;

    if (domain.len && domain.ptr[domain.len - 1] == '.')
        domain.len--;
    found = ask(local, "mydestination", domain, error);
    if (found)
        return found;
    return interfaces_have_literal(domain);
}

int domain_is_in(enum domain_list list, struct slice domain, struct error *error)
{
    if (match_list_is_empty(lists[list]))
        return 0;
    return ask(lists[list], domain_list_name(list), domain, error);
}
