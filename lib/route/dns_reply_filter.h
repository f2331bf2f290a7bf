/*
 * Records that the DNS has and that are not to be used: smtp_dns_reply_filter,
 * lmtp_dns_reply_filter, smtpd_dns_reply_filter. Logs what is left out, and what is wrong.
 */
#pragma once

#include "base/compiler.h"
#include "dns/dns.h"

/*
 * Open the tables and have every dns_lookup of this process ask them; before the jail. Without
 * tables nothing changes.
 * name  the parameter, for log lines; must outlive the process.
 */
void dns_reply_filter_open(const char *name, const char *maps);

/* What dns_lookup then calls: a dns_filter_fn. */
MUST_USE MAY_WAIT enum dns_result dns_reply_filter(struct slice name, enum dns_type type,
                                                   struct dns_answer *answer,
                                                   struct error *error);
