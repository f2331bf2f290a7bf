/*
 * Look-ups of names that may be short for others (smtp_dns_resolver_options), with the domains
 * of resolv.conf.
 */
#pragma once

#include "dns/dns.h"

/* Read the parameter; before the jail. Ends the program over an unknown option. */
void name_search_open(void);

/*
 * As dns_lookup, and as the system's resolver takes a name apart: one without a dot is tried
 * with the first of these domains behind it (res_defnames), any other name as it is and then
 * with each of them (res_dnsrch; then the short ones, too). What is not found at all is
 * reported under its own name.
 */
MUST_USE MAY_WAIT enum dns_result name_search_lookup(struct slice name, enum dns_type type,
                                                     deadline_t until, struct arena *arena,
                                                     struct dns_answer *answer,
                                                     struct error *error);
