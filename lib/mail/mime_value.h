/*
 * The values of Content-Type and Content-Transfer-Encoding, for mime.c and mime_7bit.c.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "mail/mime.h"

#define MIME_VALUE_TOKENS_MAX 3

enum mime_token_kind { MIME_TOKEN_WORD, MIME_TOKEN_QUOTED, MIME_TOKEN_SPECIAL };

struct mime_token {
    enum mime_token_kind kind;
    struct buf text; /* unquoted */
};

/* A group of tokens: what stands between two semicolons. */
struct mime_tokens {
    struct mime_token tokens[MIME_VALUE_TOKENS_MAX]; /* further ones are passed over */
    size_t count;
};

void mime_tokens_init(struct mime_tokens *tokens);
void mime_tokens_release(struct mime_tokens *tokens);

/*
 * Read the next group of *rest, with the given characters as tokens of their own. False when
 * nothing is left.
 */
bool mime_tokens_read(struct mime_tokens *tokens, struct slice *rest, const char *specials);

bool mime_token_is(const struct mime_tokens *tokens, size_t i, const char *word); /* no case */

/* The encoding that a Content-Transfer-Encoding names; false for one that nobody knows. */
bool mime_encoding_parse(struct slice value, enum mime_encoding *encoding);
