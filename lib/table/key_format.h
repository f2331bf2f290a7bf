/*
 * The %-language of database tables: how a key becomes a question and a value an answer.
 *
 *   %%  one "%"
 *   %s  all of it   %u  the local part (all of it without "@")   %d  the domain
 *   %S %U %D        the same of the key, where %s is about the value
 *   %1 ... %9       labels of the key's domain, counted from the right
 *
 * What needs a part that is not there gives nothing at all: the question is not asked, the
 * value is passed over. So is an empty local part.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

/* Append the text in a form that is harmless where it goes; false: not possible. */
struct key_format_quote {
    bool (*add)(struct key_format_quote *quote, struct buf *out, struct slice text);
};

/* Is it well-formed? Permanent error "db_common_parse: PATH: Invalid WHAT template: TEXT". */
MUST_USE int key_format_check(const char *format, const char *path, const char *what,
                              struct error *error);

/*
 * Append the format expanded for the key. False when the key lacks a part, with out as it was.
 * quote may be NULL.
 */
MUST_USE bool key_format_query(const char *format, struct slice key,
                               struct key_format_quote *quote, struct buf *out);
/* Append the format expanded for a value found for the key. False: the value is to be passed
 * over. */
MUST_USE bool key_format_result(const char *format, struct slice key, struct slice value,
                                struct buf *out);
/* False when a result for this key can only be empty, so that there is no need to ask. */
MUST_USE bool key_format_fits(const char *result_format, struct slice key);
