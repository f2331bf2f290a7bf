/*
 * Pattern lists: mydestination, relay_domains, mynetworks, debug_peer_list and their like:
 * names, addresses, network/prefix, .suffixes, !negation, /files and type:tables.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "net/endpoint.h"
#include "table/table.h"

enum match_parents {
    MATCH_PARENTS_DOT,   /* ".example.com" matches subdomains */
    MATCH_PARENTS_BARE,  /* "example.com" matches them too (parent_domain_matches_subdomains) */
    MATCH_PARENTS_NEVER, /* whole names alone */
};

struct match_list;

/* As maps_open: never NULL; trouble (missing file, bad network) shows as TABLE_ERROR when asked
 * and once in *error. */
struct match_list *match_list_open(const char *title, const char *patterns,
                                   enum match_parents parents, struct error *error);
void match_list_free(struct match_list *list);
bool match_list_is_empty(const struct match_list *list);

/* Does a domain name (or any other text) match? Case is folded. */
MUST_USE MAY_WAIT enum table_result match_list_name(struct match_list *list, struct slice name,
                                                    struct error *error);
/* Does a client, by name or address? name may be "unknown". */
MUST_USE MAY_WAIT enum table_result match_list_client(struct match_list *list,
                                                      struct slice name,
                                                      const struct endpoint *address,
                                                      struct error *error);
