/*
 * dnssec_probe: does the resolver validate?
 */
#pragma once

#include "base/compiler.h"
#include "base/time.h"
#include "dns/probe.h"

/*
 * Ask for what the parameter dnssec_probe names, and log warnings if the answer is not
 * validated, or none, or the parameter is malformed. Where it is empty nothing is asked.
 */
MAY_WAIT void dnssec_probe(deadline_t until);

/* The same without a word in the log: unless the result is VALIDATES the error says why. */
MUST_USE MAY_WAIT enum dns_probe dnssec_probe_ask(deadline_t until, struct error *error);
