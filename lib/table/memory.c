/*
 * Entries in a hash.
 */
#include "table/memory.h"

#include "base/mem.h"

static struct memory_table *from_table(struct table *table)
{
    return CONTAINER_OF(table, struct memory_table, table);
}

struct memory_table *memory_table_new(void)
{
    struct memory_table *memory = mem_new(struct memory_table);

    memory->entries = HASH_INIT;
    memory->watch = FILE_WATCH_INIT;
    return memory;
}

bool memory_table_set(struct memory_table *table, struct slice key, struct slice value)
{
    struct slice *entry = hash_get(&table->entries, key);
    bool is_known = entry != NULL;

    if (!is_known) {
        entry = arena_new(&table->arena, struct slice);
        hash_set(&table->entries, key, entry);
    }
    *entry = arena_slice(&table->arena, value);
    return is_known;
}

enum table_result memory_table_lookup(struct table *table, struct slice key, struct buf *value,
                                      struct error *error)
{
    const struct slice *entry = hash_get(&from_table(table)->entries, key);

    (void)error;
    if (!entry)
        return TABLE_NOT_FOUND;
    buf_set(value, *entry);
    return TABLE_FOUND;
}

int memory_table_walk(struct table *table, table_entry_fn *entry, void *arg,
                      struct error *error)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    (void)error;
    while (hash_next(&from_table(table)->entries, &cursor, &key, &value)) {
        if (!entry(arg, key, *(struct slice *)value))
            break;
    }
    return 0;
}

bool memory_table_has_changed(struct table *table)
{
    return file_watch_changed(&from_table(table)->watch);
}

void memory_table_close(struct table *table)
{
    struct memory_table *memory = from_table(table);

    hash_release(&memory->entries, NULL);
    arena_release(&memory->arena);
    file_watch_close(&memory->watch);
    mem_free(memory);
}
