#include "base/hash.h"

#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

#define FIRST_BUCKETS 16

struct hash_entry {
    struct hash_entry *next;
    void *value;
    uint64_t hash;
    size_t key_len;
    char key[];
};

static struct slice entry_key(const struct hash_entry *entry)
{
    return slice_of(entry->key, entry->key_len);
}

static uint64_t hash_of(const struct hash *hash, struct slice key)
{
    return hash->key_case == HASH_NOCASE ? slice_hash_nocase(key) : slice_hash(key);
}

static bool same_key(const struct hash *hash, const struct hash_entry *entry, struct slice key)
{
    return hash->key_case == HASH_NOCASE ? slice_same_nocase(entry_key(entry), key)
                                         : slice_same(entry_key(entry), key);
}

/* The place that points to the entry, or the NULL at the end of its chain. */
static struct hash_entry **find_place(const struct hash *hash, struct slice key, uint64_t sum)
{
    struct hash_entry **place = &hash->buckets[sum & (hash->n_buckets - 1)];

    while (*place && ((*place)->hash != sum || !same_key(hash, *place, key)))
        place = &(*place)->next;
    return place;
}

static void resize(struct hash *hash, size_t n_buckets)
{
    struct hash_entry **buckets = mem_array(struct hash_entry *, n_buckets);

    for (size_t i = 0; i < hash->n_buckets; i++) {
        for (struct hash_entry *entry = hash->buckets[i], *next; entry; entry = next) {
            struct hash_entry **place = &buckets[entry->hash & (n_buckets - 1)];

            next = entry->next;
            entry->next = *place;
            *place = entry;
        }
    }
    mem_free(hash->buckets);
    hash->buckets = buckets;
    hash->n_buckets = n_buckets;
}

void hash_release(struct hash *hash, void (*free_value)(void *value))
{
    for (size_t i = 0; i < hash->n_buckets; i++) {
        for (struct hash_entry *entry = hash->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            if (free_value)
                free_value(entry->value);
            mem_free(entry);
        }
    }
    mem_free(hash->buckets);
    *hash = (struct hash){.key_case = hash->key_case};
}

static struct hash_entry *find(const struct hash *hash, struct slice key)
{
    return hash->n_entries ? *find_place(hash, key, hash_of(hash, key)) : NULL;
}

void *hash_get(const struct hash *hash, struct slice key)
{
    struct hash_entry *entry = find(hash, key);

    return entry ? entry->value : NULL;
}

bool hash_has(const struct hash *hash, struct slice key)
{
    return find(hash, key) != NULL;
}

static void add_entry(struct hash *hash, struct slice key, uint64_t sum, void *value)
{
    bug_if(key.len > SIZE_MAX / 2);
    struct hash_entry *entry = mem_zeroed(1, sizeof(*entry) + key.len + 1);
    struct hash_entry **place = &hash->buckets[sum & (hash->n_buckets - 1)];

    if (key.len)
        memcpy(entry->key, key.ptr, key.len);
    entry->key_len = key.len;
    entry->hash = sum;
    entry->value = value;
    entry->next = *place;
    *place = entry;
    hash->n_entries++;
}

void *hash_set(struct hash *hash, struct slice key, void *value)
{
    uint64_t sum = hash_of(hash, key);

    if (hash->n_entries >= hash->n_buckets)
        resize(hash, hash->n_buckets ? hash->n_buckets * 2 : FIRST_BUCKETS);
    struct hash_entry *entry = *find_place(hash, key, sum);
    if (!entry) {
        add_entry(hash, key, sum, value);
        return NULL;
    }
    void *old = entry->value;
    entry->value = value;
    return old;
}

void *hash_remove(struct hash *hash, struct slice key)
{
    if (hash->n_entries == 0)
        return NULL;
    struct hash_entry **place = find_place(hash, key, hash_of(hash, key));
    struct hash_entry *entry = *place;
    if (!entry)
        return NULL;
    void *value = entry->value;
    *place = entry->next;
    mem_free(entry);
    hash->n_entries--;
    return value;
}

bool hash_next(const struct hash *hash, struct hash_cursor *cursor, struct slice *key,
               void **value)
{
    struct hash_entry *entry = cursor->next;

    while (!entry) {
        if (cursor->bucket >= hash->n_buckets)
            return false;
        entry = hash->buckets[cursor->bucket++];
    }
    cursor->next = entry->next;
    *key = entry_key(entry);
    *value = entry->value;
    return true;
}
