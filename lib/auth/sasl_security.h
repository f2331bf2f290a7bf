/*
 * What SASL mechanisms must not be, or must have: smtpd_sasl_security_options and its kin.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum sasl_security {
    SECURITY_NO_PLAINTEXT = 1,
    SECURITY_NO_ACTIVE = 2,
    SECURITY_NO_DICTIONARY = 4,
    SECURITY_NO_ANONYMOUS = 8,
    SECURITY_FORWARD_SECRECY = 16,
    SECURITY_MUTUAL_AUTH = 32,
    SECURITY_PRIVATE = 64, /* of a mechanism: works, but is not announced */
};

/*
 * "noplaintext, noanonymous" as bits. -1: a permanent error that names the word.
 */
MUST_USE int sasl_security_parse(const char *list, unsigned *demands, struct error *error);

/*
 * A property that Dovecot tells of a mechanism ("plaintext", "mutual-auth"), as the bit of the
 * demand that it concerns; 0 for one that concerns none.
 */
unsigned sasl_security_property(struct slice word);

/* Do the mechanism's properties meet the demands? */
bool sasl_security_allows(unsigned demands, unsigned properties);
