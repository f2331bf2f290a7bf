/*
 * A table whose entries are all in memory: the common part of texthash and inline.
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "base/watch.h"
#include "table/table.h"

struct memory_table {
    struct table table;
    struct arena arena;  /* values; the hash owns the keys */
    struct hash entries; /* to struct slice */
    struct file_watch watch;
};

struct memory_table *memory_table_new(void);
/* Set; true when the key was there before. */
bool memory_table_set(struct memory_table *table, struct slice key, struct slice value);

enum table_result memory_table_lookup(struct table *table, struct slice key, struct buf *value,
                                      struct error *error);
int memory_table_walk(struct table *table, table_entry_fn *entry, void *arg,
                      struct error *error);
bool memory_table_has_changed(struct table *table);
void memory_table_close(struct table *table);
