#include "dns/cache.h"

#include "base/buf.h"
#include "base/bug.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/message.h"

struct entry {
    struct list_link link; /* oldest first */
    struct arena arena;    /* of the answer and the key */
    struct slice key;
    deadline_t expires;
    enum dns_result result;
    struct dns_answer answer;
};

static struct hash entries = HASH_INIT;
static struct list ages;
static size_t n_bytes; /* of all entries' arenas */

static void entry_free(struct entry *entry)
{
    bug_if(!entry);
    hash_remove(&entries, entry->key);
    list_remove(&entry->link);
    n_bytes -= entry->arena.used_bytes;
    arena_release(&entry->arena);
    mem_free(entry);
}

static void make_key(struct buf *key, struct slice name, enum dns_type type)
{
    buf_printf(key, "%d:", (int)type);
    buf_add_slice(key, name);
    buf_lower(key);
}

bool dns_cache_find(struct slice name, enum dns_type type, struct arena *arena,
                    enum dns_result *result, struct dns_answer *answer)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;

    make_key(&key, name, type);
    struct entry *entry = hash_get(&entries, buf_slice(&key));
    if (!entry)
        return false;
    if (entry->expires <= time_now_ms()) {
        entry_free(entry);
        return false;
    }
    *result = entry->result;
    dns_answer_copy(answer, &entry->answer, arena);
    answer->ttl_seconds = (uint32_t)((entry->expires - time_now_ms()) / SECONDS(1)) + 1;
    return true;
}

void dns_cache_add(struct slice name, enum dns_type type, enum dns_result result,
                   const struct dns_answer *answer, uint32_t seconds)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    uint32_t limit = answer ? DNS_CACHE_MAX_SECONDS : DNS_CACHE_MAX_NEGATIVE_SECONDS;

    if (seconds == 0)
        return;
    if (!ages.head.next)
        list_init(&ages);
    make_key(&key, name, type);
    struct entry *old = hash_get(&entries, buf_slice(&key));
    if (old)
        entry_free(old);
    struct entry *entry = mem_new(struct entry);
    arena_init(&entry->arena);
    entry->key = arena_slice(&entry->arena, buf_slice(&key));
    entry->expires = deadline_in(SECONDS(seconds < limit ? seconds : limit));
    entry->result = result;
    if (answer)
        dns_answer_copy(&entry->answer, answer, &entry->arena);
    else
        entry->answer.name = entry->key;
    list_append(&ages, &entry->link);
    hash_set(&entries, entry->key, entry);
    n_bytes += entry->arena.used_bytes;
    while (entries.n_entries > DNS_CACHE_MAX_ENTRIES || n_bytes > DNS_CACHE_MAX_BYTES)
        entry_free(LIST_FIRST(&ages, struct entry, link));
}

void dns_cache_clear(void)
{
    if (!ages.head.next)
        return;
    LIST_FOREACH(&ages, link)
    entry_free(CONTAINER_OF(link, struct entry, link));
    hash_release(&entries, NULL);
}
