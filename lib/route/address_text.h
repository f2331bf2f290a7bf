/*
 * Addresses in quoted form as text to be edited: where the operators @ % ! : . stand, and the
 * rewriting steps. Private to lib/route.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/*
 * Offset of the first (last) byte of the set that is an operator: not in "quotes", (comments)
 * or [literals], not behind a backslash. text.len when there is none.
 */
size_t operator_find(struct slice text, const char *set);
size_t operator_find_last(struct slice text, const char *set);

/* True when the text is just one quoted string. */
bool text_is_quoted_string(struct slice text);

/* Remove comments, and white space but one blank between two words. */
void text_tidy(struct buf *text);

/* Remove one dot behind the domain, but leave broken forms (".." and "@.") alone. */
void text_strip_trailing_dot(struct buf *text);

/*
 * To standard form: a source route goes, site!user and user%site become user@site, a missing
 * @origin and .domain are appended (where not empty), a trailing dot goes.
 */
void text_rewrite(struct buf *text, const char *origin, const char *domain);

/*
 * True when the address has nothing that rewriting or quoting could concern: dot-separated
 * words, one @, a dot inside the domain.
 */
bool address_is_plain(struct slice address);
