/*
 * The LMDB file of a cache (table/cache.h).
 */
#pragma once

#include <lmdb.h>

#include "base/compiler.h"
#include "base/error.h"

struct cache_file {
    MDB_env *env; /* NULL: not open */
    MDB_dbi dbi;
};

/*
 * Open the file for reading and writing, made by the owner of its directory where it is
 * missing; readers that were killed leave nothing behind. Reads params.lmdb_map_size. A file
 * that is truncated or no database is a temporary error, "open database PATH: ...".
 */
MUST_USE int cache_file_open(struct cache_file *file, const char *path, struct error *error);
/* Harmless when it is not open. */
void cache_file_close(struct cache_file *file);
