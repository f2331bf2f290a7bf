/*
 * Bytes that main.cf cannot hold as they are: smtpd_expansion_filter and its like.
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

/*
 * The text with C's escapes resolved: \a \b \f \n \r \t \v, up to three octal digits, and any
 * other byte behind a backslash as itself. A backslash at the end stays one. An escaped NUL
 * ends the result.
 */
char *unescape(struct arena *arena, struct slice text);
