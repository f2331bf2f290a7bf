/* Who is connected, and the cache. */
#include "clients.h"

#include <inttypes.h>
#include <string.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "table/cache.h"
#include "worker/worker.h"

static struct hash clients = HASH_INIT;
static struct cache *cache; /* NULL: none */

void clients_open(void)
{
    struct error error;

    if (!*params.postscreen_cache_map)
        return;
    cache = cache_open(params.postscreen_cache_map, &error);
    if (!cache)
        log_error("postscreen_cache_map: %s", error.text);
}

/* An entry that is none counts as missing. */
static void load(struct client *client)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;

    if (!cache)
        return;
    switch (cache_find(cache, slice_from(client->address), &value, &error)) {
    case TABLE_FOUND:
        if (!results_parse(&client->results, buf_slice(&value)))
            log_warning("%s: malformed entry for %s: %s", params.postscreen_cache_map,
                        client->address, value.data);
        break;
    case TABLE_NOT_FOUND:
        break;
    case TABLE_ERROR:
        log_warning("postscreen_cache_map: %s", error.text);
        break;
    }
}

struct client *client_join(struct slice address)
{
    struct client *client = hash_get(&clients, address);

    if (!client) {
        client = mem_zeroed(1, sizeof(*client) + address.len + 1);
        memcpy(client->address, address.ptr, address.len);
        results_init(&client->results);
        load(client);
        hash_set(&clients, address, client);
    }
    client->n_sessions++;
    return client;
}

void client_leave(struct client *client)
{
    bug_if(client->n_sessions <= 0);
    if (--client->n_sessions > 0)
        return;
    hash_remove(&clients, slice_from(client->address));
    mem_free(client);
}

void client_remember(const struct client *client)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;

    if (!cache)
        return;
    results_format(&value, &client->results);
    cache_set(cache, slice_from(client->address), buf_slice(&value));
    /* The last session may be the end of the process. */
    if (worker_is_draining())
        cache_save_now(cache);
}

void clients_save(void)
{
    if (cache)
        cache_save_now(cache);
}

static bool is_wanted(void *arg, struct slice key, struct slice value)
{
    const int64_t *oldest = arg;
    struct results results;

    (void)key;
    return results_parse(&results, value) && results_last(&results) > *oldest;
}

static void clean(void)
{
    int64_t oldest = time_wall_seconds() - params.postscreen_cache_retention_time / 1000;
    struct cache_cleanup result;
    struct error error;

    if (cache_clean(cache, is_wanted, &oldest, &result, &error) < 0) {
        log_warning("postscreen_cache_map: %s", error.text);
        return;
    }
    log_info("cache %s full cleanup: retained=%" PRIu64 " dropped=%" PRIu64 " entries",
             params.postscreen_cache_map, result.n_retained, result.n_dropped);
}

static void tidy(void *arg)
{
    int64_t interval = params.postscreen_cache_cleanup_interval;
    int64_t next = cache_last_cleaned(cache) + interval / 1000;

    (void)arg;
    while (!worker_is_draining()) {
        int64_t left = next - time_wall_seconds();

        if (left > 0 && co_sleep_until(deadline_in(SECONDS(left))) != WAKE_TIMEOUT)
            return;
        if (worker_is_draining())
            return;
        clean();
        next = time_wall_seconds() + interval / 1000;
    }
}

void clients_keep_tidy(void)
{
    if (!cache || params.postscreen_cache_cleanup_interval <= 0)
        return;
    if (!co_spawn("cache cleanup", tidy, NULL))
        log_warning("no memory for the cleanup of the cache");
}
