/*
 * Address rewriting to standard form: append_at_myorigin, append_dot_mydomain, swap_bangpath,
 * allow_percent_hack, source routes, resolve_dequoted_address.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum rewrite_context {
    REWRITE_LOCAL,  /* append $myorigin and $mydomain */
    REWRITE_REMOTE, /* append remote_header_rewrite_domain, when that is set; else leave alone
                     */
};

/* Both in quoted (external) form; the result lies in the arena. */
struct slice rewrite_address(enum rewrite_context context, struct slice address,
                             struct arena *arena);
/* The same from and to the internal form, as envelopes need it. */
struct slice rewrite_internal(enum rewrite_context context, struct slice address,
                              struct arena *arena);
