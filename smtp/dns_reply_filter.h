/*
 * smtp_dns_reply_filter: records that the DNS has and that are not to be used.
 */
#pragma once

#include "base/compiler.h"
#include "dns/dns.h"

/* Open the table; before the jail. */
void dns_reply_filter_open(void);

/*
 * Take the records out of an answer with DNS_OK that the table does not want. name and type are
 * what was asked. Anything but DNS_OK is DNS_TEMPORARY, with a status and text in *error: none
 * is left, or the table is broken.
 */
MUST_USE MAY_WAIT enum dns_result dns_reply_filter(struct slice name, enum dns_type type,
                                                   struct dns_answer *answer,
                                                   struct error *error);
