/*
 * postscreen_dnsbl_sites: "domain=filter*weight, ..." taken apart.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/* What an answer of a list is worth. */
struct dnsbl_site {
    struct dnsbl_site *next; /* of the same domain */
    struct slice filter;     /* empty: any address */
    int weight;
};

/* A list is asked once, however often it stands there. */
struct dnsbl_domain {
    const char *name;
    const char *public_name; /* what clients are told; set by the caller */
    struct dnsbl_site *sites;
};

struct dnsbl_sites {
    struct dnsbl_domain *domains;
    size_t n_domains;
};

/*
 * Parse the whole parameter. All lies in the arena. -1: permanent error in Postfix's words
 * ("bad DNSBL weight factor "x" in "bl.test*x"").
 */
MUST_USE int dnsbl_sites_parse(struct dnsbl_sites *sites, const char *list, struct arena *arena,
                               struct error *error);
