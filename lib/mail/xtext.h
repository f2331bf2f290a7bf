/*
 * xtext: text without spaces for ESMTP parameters and XCLIENT (RFC 3461 section 4).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

/* Decode "+2B" and its like into the arena. False when it is malformed. */
MUST_USE bool xtext_decode(struct slice text, struct arena *arena, struct slice *decoded);

/*
 * Append text as xtext: "+XX" for what is no printable ASCII, for "+", and for each character
 * of also ("=" in ESMTP parameters; "").
 */
void xtext_add(struct buf *out, struct slice text, const char *also);
