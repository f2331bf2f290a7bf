/*
 * Values of smtp_tls_policy_maps: "secure match=example.com ciphers=high". What they come to is
 * the business of smtp; this finds what is wrong with one beforehand.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * The level, the names of the attributes, and the versions and ciphers that they allow. 0, or
 * -1 with a permanent error naming the word. Reads params.tls_*_cipherlist.
 */
MUST_USE int tls_policy_value_check(struct slice text, struct error *error);
