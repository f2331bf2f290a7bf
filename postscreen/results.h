/*
 * What a client has passed, and until when: five times, in the form that Postfix's postscreen
 * keeps them in its cache ("1795425067;1;0;1797930668;1").
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "settings.h"

/* Instead of a time. */
#define RESULT_NEW      0 /* never passed */
#define RESULT_DISABLED 1 /* the test was not wanted then */

struct results {
    int64_t expires[N_TESTS]; /* wall seconds */
};

/* Of a client that nobody knows. */
void results_init(struct results *results);
/*
 * Read a cache entry. Times that are missing at the end are those of tests that an older
 * release did not have: disabled. False when it is no such entry.
 */
bool results_parse(struct results *results, struct slice text);
void results_format(struct buf *out, const struct results *results);

/*
 * The tests that are enabled and must be done now (a mask). If one of those before the greeting
 * must, all enabled ones are done: they cost the same wait.
 */
unsigned results_due(const struct results *results, int64_t now);
/* There is an enabled test that the client never passed. */
bool results_are_new(const struct results *results);
/* The latest of the times. */
int64_t results_last(const struct results *results);
