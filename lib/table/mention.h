/*
 * Which tables does a parameter's value name?
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

struct table_mention {
    struct slice type; /* "lmdb" */
    struct slice name; /* "/etc/postfix/virtual", "{...}" */
    struct slice spec; /* both: "lmdb:/etc/postfix/virtual" */
};

/*
 * Find the next "type:name" of a type that exists, also inside of others ("proxy:lmdb:/a",
 * "pipemap:{lmdb:/a, lmdb:/b}": these are found after the one around them). *rest keeps what is
 * left to search. False at the end.
 */
bool table_mention_next(struct slice *rest, struct table_mention *mention);
