/*
 * One value of smtp_tls_policy_maps: "secure match=example.com:.example.net ciphers=high".
 */
#pragma once

#include "base/compiler.h"
#include "tls_policy.h"

/*
 * Take the level and the attributes from the text. where names table and key in the warnings
 * about what is wrong: then the policy is invalid.
 */
void tls_attributes_take(struct tls_policy *policy, struct slice text, const char *where,
                         struct arena *arena);

/* Add the parts of a list; fingerprints are checked and brought into one form. */
void tls_matches_add(struct tls_policy *policy, struct slice list, const char *separators,
                     struct arena *arena);
