/*
 * The filter of a DNS list's answers: "127.0.0.[2..4;8]" behind the "=" of reject_rbl_client
 * and postscreen_dnsbl_sites.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/*
 * Four fields, each a number or, in brackets, numbers and ranges "2..4" separated by ";". What
 * is something else should be refused when it is read: it matches nothing.
 */
bool dns_filter_is_valid(struct slice filter);

/* Does the IPv4 address, as text, match? */
bool dns_filter_matches(struct slice filter, struct slice address);
