/*
 * A cache on disk: what a service has found out and shall still know after a restart. It is an
 * LMDB file that is changed in place, in the format of Postfix's caches: texts with a NUL.
 *
 * What is set can be found at once; it goes to the disk a moment later, synced, many changes in
 * one transaction, by a helper thread. So nothing here waits for the disk but cache_save. Two
 * processes (one that drains, its successor) may have the same file open: LMDB's locks, in a
 * file NAME.lmdb-lock, keep them apart, also after kill -9.
 *
 * Reads params.lmdb_map_size. Trouble with writing is logged as a warning.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/table.h"

struct cache;

/*
 * Open "lmdb:PATH" (or hash:, btree:, proxy:lmdb:, which mean the same file PATH.lmdb), made by
 * the owner of its directory where it is missing. Call it before the jail. NULL: *error says
 * why ("open database PATH.lmdb: ...", or that the type cannot be changed in place).
 */
MUST_USE struct cache *cache_open(const char *spec, struct error *error);
/* Saves what is left, waiting for the disk. NULL is harmless. */
void cache_close(struct cache *cache);

/* *value is replaced when found. */
MUST_USE enum table_result cache_find(struct cache *cache, struct slice key, struct buf *value,
                                      struct error *error);
/* Whether a key can be kept: one that is empty, or longer than 510 bytes, cannot. */
bool cache_takes_key(const struct cache *cache, struct slice key);
/* A key that cannot be kept is not. */
void cache_set(struct cache *cache, struct slice key, struct slice value);
void cache_remove(struct cache *cache, struct slice key);

/* Wait until all that was set is on the disk. */
MAY_WAIT void cache_save(struct cache *cache);
/* The same for somebody about to end the process: without letting others run. */
void cache_save_now(struct cache *cache);

/* True: keep the entry. Called for each; may not wait. */
typedef bool cache_keep_fn(void *arg, struct slice key, struct slice value);

struct cache_cleanup {
    uint64_t n_retained, n_dropped;
};

/*
 * Walk over all entries and drop those that nobody wants any more, letting others run now and
 * then. The time of the last walk is kept in the cache, as Postfix does.
 */
MUST_USE MAY_WAIT int cache_clean(struct cache *cache, cache_keep_fn *keep, void *arg,
                                  struct cache_cleanup *result, struct error *error);
/* Wall seconds when the last walk ended; 0: never. */
int64_t cache_last_cleaned(struct cache *cache);
