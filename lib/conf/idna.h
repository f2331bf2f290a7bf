/*
 * Internationalised domain names for the configuration language.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * Append the domain as an ASCII name (UTS 46, transitional processing off); an ASCII name stays
 * as it is. Permanent error when it has no such form.
 */
MUST_USE int idna_domain_to_ascii(struct buf *out, struct slice domain, struct error *error);
