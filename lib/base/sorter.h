/*
 * Sorts any number of entries by their keys in a bounded amount of memory: what is more than
 * that waits, sorted in parts, in a file without a name.
 */
#pragma once

#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct sorter;

/* Keys are compared as bytes; entries with the same key keep their order, or have it reversed.
 */
enum sorter_ties { SORTER_OLDEST_FIRST, SORTER_NEWEST_FIRST };

struct sorter_entry {
    struct slice key, value; /* each less than 4 GB */
    int number;              /* of the caller's choice */
};

/*
 * path          a file beside which the file without a name may be made, once it is needed
 * memory_bytes  about how many of keys and values are kept in memory
 */
MUST_USE struct sorter *sorter_new(const char *path, size_t memory_bytes,
                                   enum sorter_ties ties);
void sorter_free(struct sorter *sorter); /* NULL is harmless */

/* Copies the entry. Only before the first sorter_next. -1: temporary error (no space). */
MUST_USE int sorter_add(struct sorter *sorter, const struct sorter_entry *entry,
                        struct error *error);

/*
 * 1: the next entry in order. 0: there are no more. -1: temporary error. The texts have a NUL
 * byte behind their end and live until the next call.
 */
MUST_USE int sorter_next(struct sorter *sorter, struct sorter_entry *entry,
                         struct error *error);
