/*
 * Getting a token from its source: the first line of a file, or of what a command prints.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "sources.h"

/* For whom: a command finds them in its environment. */
struct token_purpose {
    struct slice user, host;
};

/* What a server takes as a token (RFC 6750 section 2.1, and a little more) is not longer. */
#define TOKEN_MAX_BYTES ((size_t)16384)

/* Before the jail: the environment that commands get (export_environment). */
void token_fetch_open(void);

/*
 * The token, into *token. Temporary error: no such file, no token in it; the command failed
 * (with the last that it said to standard error), or took too long and was killed. The error
 * never holds what could be a token.
 */
MUST_USE MAY_WAIT int token_fetch(const struct token_source *source,
                                  const struct token_purpose *purpose, struct buf *token,
                                  struct error *error);

/*
 * The first line of text without white space around it. False when that is no token: nothing
 * but visible ASCII can be one.
 */
MUST_USE bool token_take(struct slice text, struct slice *token);
