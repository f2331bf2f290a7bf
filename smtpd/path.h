/*
 * The path of MAIL, RCPT and VRFY.
 */
#pragma once

#include "mail/address.h"

/*
 * The address in a path, in internal form, which lies in the arena. Domains are what the
 * resolver takes: resolve_numeric_domain, resolve_null_domain. False for what is none.
 */
bool path_parse(struct slice path, enum address_strictness strictness, struct arena *arena,
                struct slice *address);
