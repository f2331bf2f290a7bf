/*
 * Lists in parameter values: "a, b c" with {...} grouping, as check lists, service arguments
 * and table specifications use them.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

/* What separates words in main.cf lists. */
#define WORDS_COMMA_SPACE ", \t\r\n"
#define WORDS_SPACE       " \t\r\n"

/*
 * Cut the next word off *rest. A "{" keeps everything up to its matching "}" in one word, also
 * in the middle of a word ("inline:{a=b, c=d}"); braces stay. False at the end. An unclosed
 * brace takes the rest.
 */
bool words_next(struct slice *rest, const char *separators, struct slice *word);

/* Is the word, in whatever case, one of the list's, which blanks and commas separate? */
bool words_have(struct slice list, struct slice word);

/*
 * "{ text }" gives "text" trimmed; -1 when there is no brace pair around all of it. *unbraced
 * is then unchanged.
 */
MUST_USE int words_unbrace(struct slice word, struct slice *unbraced, struct error *error);

/* Offset just behind the "}" that closes the "{" at the start of text; 0 when none does. */
size_t words_brace_length(struct slice text);

/*
 * "name = value" or "name=value": white space around both is dropped. False without "=" or
 * with an empty name.
 */
bool words_split_assignment(struct slice text, struct slice *name, struct slice *value);
