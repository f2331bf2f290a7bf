/*
 * Does the resolver validate? A look-up of a name that is known to be signed tells.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"

enum dns_probe {
    DNS_PROBE_VALIDATES,
    DNS_PROBE_INSECURE, /* an answer without the AD bit */
    DNS_PROBE_FAILED,   /* no answer: *error */
    DNS_PROBE_BAD,      /* the probe itself makes no sense: *error */
};

/* probe is a value of dnssec_probe, "ns:."; an empty one is not for this function. */
MUST_USE MAY_WAIT enum dns_probe dns_probe_run(const char *probe, deadline_t until,
                                               struct error *error);
