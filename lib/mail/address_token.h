/*
 * The tokens of addresses, as RFC 5322 has them and as the world writes them. For the parsers
 * of paths and headers in this folder.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum address_token_kind {
    TOKEN_ATOM,
    TOKEN_QUOTED,  /* "..." */
    TOKEN_LITERAL, /* [...] */
    TOKEN_COMMENT, /* (...) */
    TOKEN_SPECIAL, /* one of , . : ; < > @ % ! | */
};

struct address_token {
    enum address_token_kind kind;
    char special;      /* of TOKEN_SPECIAL, else NUL */
    struct slice text; /* as written, with quotes or brackets; the closing one may be missing */
};

struct address_tokens {
    struct address_token *tokens;
    size_t count;
};

/* Take the text apart, at most max tokens; white space and line ends only separate. */
void address_tokenize(struct slice text, struct arena *arena, size_t max,
                      struct address_tokens *tokens);

/* True for that special character. */
bool address_token_is(const struct address_token *token, char special);

/* True for an atom, a quoted string or a literal: two of them in a row need a blank between. */
bool address_token_is_word(const struct address_token *token);

/* Append a part of an address, without what folding left in it; a missing ']' is added. */
void address_token_add(struct buf *buf, const struct address_token *token);
