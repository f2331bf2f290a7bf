/*
 * smtpd_dns_reply_filter: a table that drops DNS records before anybody acts on them.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "dns/dns.h"

/* The text of the error when no record is left. */
#define DNS_REPLY_FILTER_DROPS_ALL "DNS reply filter drops all results"

/*
 * Ask the table about each record in the form "name. ttl IN MX 10 host.", and drop those that
 * it says IGNORE to. DNS_OK; DNS_PERMANENT when none is left; DNS_TEMPORARY when the table
 * cannot be asked.
 */
MUST_USE MAY_WAIT enum dns_result dns_reply_filter(struct dns_answer *answer,
                                                   struct error *error);
