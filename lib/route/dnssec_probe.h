/*
 * dnssec_probe: does the resolver validate?
 */
#pragma once

#include "base/compiler.h"
#include "base/time.h"

/*
 * Ask for what the parameter dnssec_probe names, and log warnings if the answer is not
 * validated, or none, or the parameter is malformed. Where it is empty nothing is asked.
 */
MAY_WAIT void dnssec_probe(deadline_t until);
