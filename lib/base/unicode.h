/*
 * The few things that mail needs of Unicode, by ICU. That library is a big one which few
 * programs ever need, so it is loaded with the first text that is not ASCII.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

/*
 * Load it now: for a process that is about to lose sight of the file system. Harmless when
 * repeated; what fails is reported by the functions below.
 */
void unicode_prepare(void);

/*
 * Convert domain names by the older rules (IDNA 2003), which do without the German sharp s and
 * the like; before the library is loaded.
 */
void unicode_use_idna2003(bool on);

/*
 * Append the ASCII form of a domain name in UTF-8 (UTS 46, transitional processing only for
 * IDNA 2003); an ASCII name stays as it is. Permanent error when it has none, temporary when
 * ICU cannot be used.
 */
MUST_USE int unicode_domain_to_ascii(struct buf *out, struct slice domain, struct error *error);

/* Append the text (UTF-8) with its case folded. False when that cannot be done. */
MUST_USE bool unicode_fold_case(struct buf *out, struct slice text);
