/*
 * A hash table from byte strings to pointers. Keys are copied; values are the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum hash_case { HASH_EXACT, HASH_NOCASE }; /* NOCASE folds ASCII letters when comparing */

struct hash_entry; /* one key and value */

struct hash {
    struct hash_entry **buckets;
    size_t n_buckets, n_entries;
    enum hash_case key_case;
};

#define HASH_INIT        ((struct hash){.key_case = HASH_EXACT})
#define HASH_INIT_NOCASE ((struct hash){.key_case = HASH_NOCASE})

/* Free the table; where free_value is not NULL it is called for each value. */
void hash_release(struct hash *hash, void (*free_value)(void *value));

/* The value, or NULL. */
void *hash_get(const struct hash *hash, struct slice key);
bool hash_has(const struct hash *hash, struct slice key);

/* Set; returns the value that was there before (for the caller to free), or NULL. */
void *hash_set(struct hash *hash, struct slice key, void *value);

/* Remove; returns the value that was there, or NULL. */
void *hash_remove(struct hash *hash, struct slice key);

/*
 * Walk: start with cursor {0}; false at the end. The key is valid while the entry exists. The
 * entry just returned may be removed; nothing may be added during a walk.
 */
struct hash_cursor {
    size_t bucket;
    struct hash_entry *next;
};

bool hash_next(const struct hash *hash, struct hash_cursor *cursor, struct slice *key,
               void **value);
