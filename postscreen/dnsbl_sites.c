/* The list of lists. */
#include "dnsbl_sites.h"

#include <limits.h>
#include <string.h>

#include "conf/words.h"
#include "dns/filter.h"

/* Each is a question for every client. */
#define DOMAINS_MAX 100

static struct dnsbl_domain *find_domain(struct dnsbl_sites *sites, struct slice name)
{
    for (size_t i = 0; i < sites->n_domains; i++) {
        if (slice_equals_nocase(name, sites->domains[i].name))
            return &sites->domains[i];
    }
    return NULL;
}

static int parse_weight(struct slice text, struct slice word, int *weight, struct error *error)
{
    int64_t number;

    if (!slice_to_int(text, INT_MIN / 1000, INT_MAX / 1000, &number))
        return error_set(error, ERROR_PERMANENT, "bad DNSBL weight factor \"%.*s\" in \"%.*s\"",
                         SLICE_ARG(text), SLICE_ARG(word));
    *weight = (int)number;
    return 0;
}

static int parse_site(struct dnsbl_sites *sites, struct slice word, struct arena *arena,
                      struct error *error)
{
    struct dnsbl_site *site = arena_new(arena, struct dnsbl_site);
    size_t star = slice_find_last(word, '*');
    struct slice name = slice_sub(word, 0, star);
    struct slice domain = slice_split(&name, '=');

    site->weight = 1;
    if (star < word.len &&
        parse_weight(slice_from_offset(word, star + 1), word, &site->weight, error) < 0)
        return -1;
    if (domain.len == 0)
        return error_set(error, ERROR_PERMANENT, "bad DNSBL domain name in \"%.*s\"",
                         SLICE_ARG(word));
    if (name.len && !dns_filter_is_valid(name))
        return error_set(error, ERROR_PERMANENT, "bad DNSBL filter \"%.*s\" in \"%.*s\"",
                         SLICE_ARG(name), SLICE_ARG(word));
    site->filter = arena_slice(arena, name);
    struct dnsbl_domain *known = find_domain(sites, domain);

    if (!known) {
        if (sites->n_domains >= DOMAINS_MAX)
            return error_set(error, ERROR_PERMANENT, "more than %d DNSBL domains", DOMAINS_MAX);
        known = &sites->domains[sites->n_domains++];
        *known = (struct dnsbl_domain){.name = arena_text(arena, domain)};
        known->public_name = known->name;
    }
    struct dnsbl_site **end = &known->sites;

    while (*end)
        end = &(*end)->next;
    *end = site;
    return 0;
}

int dnsbl_sites_parse(struct dnsbl_sites *sites, const char *list, struct arena *arena,
                      struct error *error)
{
    struct slice rest = slice_from(list);
    struct dnsbl_sites parsed = {.domains =
                                     arena_array(arena, struct dnsbl_domain, DOMAINS_MAX)};
    struct slice word;

    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        if (parse_site(&parsed, word, arena, error) < 0)
            return -1;
    }
    *sites = parsed;
    return 0;
}
