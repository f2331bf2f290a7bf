#include "results.h"

#include <inttypes.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/bug.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "table/cache.h"
#include "worker/worker.h"

/* Of those in memory alone: clients choose the addresses, so there is an end to it. */
#define MEMORY_MAX_ENTRIES ((size_t)200000)

static struct cache *cache; /* NULL: all is in memory */
static struct hash memory = {.key_case = HASH_NOCASE};
static struct lifetimes lifetimes;

const struct lifetimes *results_lifetimes(void)
{
    return &lifetimes;
}

void results_open(void)
{
    struct error error;

    lifetimes = (struct lifetimes){
        .positive_expire = params.address_verify_positive_expire_time / 1000,
        .positive_refresh = params.address_verify_positive_refresh_time / 1000,
        .negative_expire = params.address_verify_negative_expire_time / 1000,
        .negative_refresh = params.address_verify_negative_refresh_time / 1000,
    };
    if (*params.address_verify_map == '\0')
        return;
    cache = cache_open(params.address_verify_map, &error);
    if (!cache)
        fatal(EX_UNAVAILABLE, "address_verify_map: %s", error.text);
}

void results_save(void)
{
    if (cache)
        cache_save_now(cache);
}

/* Addresses that are too long for the cache would be probed anew each time. */
static bool is_in_cache(struct slice key)
{
    return cache && cache_takes_key(cache, key);
}

static bool find_value(struct slice key, struct buf *value)
{
    struct error error;
    const char *text;

    if (!is_in_cache(key)) {
        text = hash_get(&memory, key);
        if (text)
            buf_set_text(value, text);
        return text != NULL;
    }
    switch (cache_find(cache, key, value, &error)) {
    case TABLE_FOUND:
        return true;
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_ERROR:
        break;
    }
    log_warning("%s: look-up of %.*s: %s", params.address_verify_map, SLICE_ARG(key),
                error.text);
    return false;
}

bool results_find(struct slice address, struct entry *entry, struct buf *storage)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    if (!find_value(arena_lower(&arena, address), storage))
        return false;
    if (entry_parse(entry, buf_slice(storage)))
        return true;
    log_warning("bad entry %.100s for %.*s in address verification cache", storage->data,
                SLICE_ARG(slice_sub(address, 0, 100)));
    return false;
}

/* Any entry may go: it costs another probe. */
static void drop_one(void)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    if (hash_next(&memory, &cursor, &key, &value))
        mem_free(hash_remove(&memory, key));
}

void results_set(struct slice address, const struct entry *entry)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice key = arena_lower(&arena, address);

    entry_format(&value, entry);
    if (is_in_cache(key)) {
        cache_set(cache, key, buf_slice(&value));
        return;
    }
    if (memory.n_entries >= MEMORY_MAX_ENTRIES)
        drop_one();
    mem_free(hash_set(&memory, key, buf_take(&value)));
}

/* -- cleaning ------------------------------------------------------------------------------ */

static bool is_worth_keeping(void *arg, struct slice key, struct slice value)
{
    struct entry entry;

    (void)arg;
    (void)key;
    return entry_parse(&entry, value) &&
           !entry_is_expired(&entry, &lifetimes, time_wall_seconds());
}

static void clean_memory(struct cache_cleanup *result)
{
    struct hash kept = HASH_INIT_NOCASE;
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(&memory, &cursor, &key, &value)) {
        if (is_worth_keeping(NULL, key, slice_from(value))) {
            (void)hash_set(&kept, key, value);
            result->n_retained++;
        } else {
            mem_free(value);
            result->n_dropped++;
        }
    }
    hash_release(&memory, NULL);
    memory = kept;
}

static void clean(void)
{
    struct cache_cleanup result = {0}, memory_result = {0};
    struct error error;

    clean_memory(&memory_result);
    if (!cache) {
        result = memory_result;
    } else if (cache_clean(cache, is_worth_keeping, NULL, &result, &error) < 0) {
        log_warning("%s: %s", params.address_verify_map, error.text);
        return;
    }
    log_info("cache %s full cleanup: retained=%" PRIu64 " dropped=%" PRIu64 " entries",
             cache ? params.address_verify_map : "internal:verify", result.n_retained,
             result.n_dropped);
}

/* Milliseconds until the next time is due. */
static int64_t time_left(void)
{
    int64_t last = cache ? cache_last_cleaned(cache) : 0;
    int64_t left =
        SECONDS(last - time_wall_seconds()) + params.address_verify_cache_cleanup_interval;

    return last > 0 && left > 0 ? left : 0;
}

void results_clean(void *unused)
{
    int64_t wait_ms = time_left();

    (void)unused;
    while (!worker_is_draining() && co_sleep_until(deadline_in(wait_ms)) == WAKE_TIMEOUT) {
        clean();
        wait_ms = params.address_verify_cache_cleanup_interval;
    }
}
