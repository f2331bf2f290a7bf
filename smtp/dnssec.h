/*
 * DNS look-ups whose answers may have been validated (smtp_dns_support_level = dnssec).
 */
#pragma once

#include "dns/dns.h"

/*
 * As name_search_lookup. answer->is_validated is true only where DNSSEC is
 * asked for. When it is and the resolver seems not to validate, that is logged once in the life
 * of the process (dnssec_probe), because protection by DANE would be lost without a sign.
 */
MUST_USE MAY_WAIT enum dns_result dnssec_lookup(struct slice name, enum dns_type type,
                                                deadline_t until, struct arena *arena,
                                                struct dns_answer *answer, struct error *error);
