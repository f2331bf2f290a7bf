/*
 * Which domains are ours, and how. Private to lib/route; the lists are opened once a process.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/match_list.h"

/* mydestination with inet_interfaces and proxy_interfaces; and the other three lists. */
void domains_open_local(void);
void domains_open(void);

/* 0 or 1; -1 with a temporary error, which is also logged. */
MUST_USE MAY_WAIT int domain_is_local(struct slice domain, struct error *error);

enum domain_list { DOMAINS_ALIAS, DOMAINS_MAILBOX, DOMAINS_RELAY, N_DOMAIN_LISTS };

MUST_USE MAY_WAIT int domain_is_in(enum domain_list list, struct slice domain,
                                   struct error *error);

/* The parameter that holds the list. */
const char *domain_list_name(enum domain_list list);

/* How the feature matches subdomains: parent_domain_matches_subdomains names it or not. */
enum match_parents domains_parents(const char *feature);
