/*
 * Writing an index: always a new file beside the old one, synced and then renamed over it, so
 * that readers never see one half done and need no lock.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct table_update; /* a driver embeds it as its first member */

enum table_update_start {
    TABLE_UPDATE_EMPTY, /* a new table */
    TABLE_UPDATE_COPY,  /* what the index has now; a missing one is a temporary error */
    TABLE_UPDATE_CREATE /* what the index has now, empty when there is none */
};

enum table_put { TABLE_PUT_NEW, TABLE_PUT_REPLACE };

struct table_writer {
    const char *suffix; /* ".lmdb" */
    size_t key_max_bytes;
    bool is_live;     /* a service, not a file: it can be changed (postmap -i), not made anew */
    bool without_nul; /* unless asked for, no NUL byte stands behind keys and values */
    /*
     * Begin to write path (with suffix) anew. mode is that of the new file; the file of an old
     * index keeps its own. NULL: temporary error naming the file.
     */
    struct table_update *(*begin)(const char *path, enum table_update_start start, mode_t mode,
                                  struct error *error);
    /*
     * Add an entry as it shall be in the index. Keys come in ascending byte order, each once.
     * 1: done. 0: the key is there already and stays as it was (TABLE_PUT_NEW only). -1.
     */
    int (*put)(struct table_update *update, struct slice key, struct slice value,
               enum table_put put, struct error *error);
    /* Remove an entry. 1: done. 0: there was none. -1. */
    int (*remove)(struct table_update *update, struct slice key, struct error *error);
    /* Sync and rename; frees in any case. */
    int (*commit)(struct table_update *update, struct error *error);
    /* Throw it away. */
    void (*abandon)(struct table_update *update);
};

struct table_update {
    const struct table_writer *writer;
};
