/*
 * tlsmgr: what the processes that speak TLS share so that sessions can be resumed: the keys of
 * session tickets (key_ring.c), and a cache of sessions for each of smtpd, smtp and lmtp.
 */
#include <inttypes.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "key_ring.h"
#include "table/cache.h"
#include "worker/worker.h"

#define SWEEP_INTERVAL SECONDS(3600)

struct session_cache {
    const char *name;
    const char *spec;
    int64_t timeout_ms;
    struct cache *cache; /* NULL: none */
};

static struct session_cache caches[3];

/* An entry is "SECONDS BASE64": when it was made, and the session. */

static void open_one(struct session_cache *cache, const char *name, const char *spec,
                     int64_t timeout_ms)
{
    struct error error;

    *cache = (struct session_cache){.name = name, .spec = spec, .timeout_ms = timeout_ms};
    if (*spec == '\0')
        return;
    cache->cache = cache_open(spec, &error);
    if (!cache->cache)
        log_error("%s_tls_session_cache_database: %s", name, error.text);
}

static void open_all(void)
{
    open_one(&caches[0], "smtpd", params.smtpd_tls_session_cache_database,
             params.smtpd_tls_session_cache_timeout);
    open_one(&caches[1], "smtp", params.smtp_tls_session_cache_database,
             params.smtp_tls_session_cache_timeout);
    open_one(&caches[2], "lmtp", params.lmtp_tls_session_cache_database,
             params.lmtp_tls_session_cache_timeout);
}

static struct session_cache *cache_named(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
        if (slice_equals(name, caches[i].name))
            return caches[i].cache ? &caches[i] : NULL;
    }
    return NULL;
}

/* IDs are bytes of others, of any length; keys are short texts. */
static void key_of(struct slice id, struct buf *key)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)id.ptr, id.len, digest);
    base64_encode(key, slice_of(digest, sizeof(digest)));
}

static bool is_fresh(const struct session_cache *cache, struct slice value,
                     struct slice *session)
{
    int64_t made_at;
    struct slice time = slice_split(&value, ' ');

    *session = value;
    if (!slice_to_int(time, 0, INT64_MAX, &made_at))
        return false;
    int64_t age = time_wall_seconds() - made_at;

    return age >= 0 && SECONDS(age) < cache->timeout_ms;
}

static int answer(struct channel *channel, struct slice session)
{
    const struct tlsmgr_session reply = {.session = session};
    struct error error;

    return channel_send(channel, MESSAGE_tlsmgr_session, &reply, &error);
}

static int bad(const struct error *error)
{
    log_warning("%s", error->text);
    return -1;
}

static int answer_keys(struct channel *channel)
{
    const struct tlsmgr_keys *ring = key_ring();
    const struct tlsmgr_key_ring reply = {
        .keys = slice_of(ring->keys, ring->n_keys * sizeof(ring->keys[0])),
        .renewal_ms = ring->renewal_ms,
    };
    struct error error;

    return channel_send(channel, MESSAGE_tlsmgr_key_ring, &reply, &error);
}

static int answer_find(struct channel *channel, struct slice body)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf session = BUF_INIT;
    struct tlsmgr_find request;
    struct slice base64;
    struct error error;

    if (message_decode(MESSAGE_tlsmgr_find, body, &request, &error) < 0)
        return bad(&error);
    struct session_cache *cache = cache_named(request.cache);

    key_of(request.id, &key);
    if (!cache || cache_find(cache->cache, buf_slice(&key), &value, &error) != TABLE_FOUND ||
        !is_fresh(cache, buf_slice(&value), &base64) || !base64_decode(&session, base64))
        return answer(channel, SLICE_EMPTY);
    return answer(channel, buf_slice(&session));
}

static int answer_keep(struct channel *channel, struct slice body)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct tlsmgr_keep request;
    struct error error;

    if (message_decode(MESSAGE_tlsmgr_keep, body, &request, &error) < 0)
        return bad(&error);
    struct session_cache *cache = cache_named(request.cache);

    if (cache) {
        key_of(request.id, &key);
        buf_printf(&value, "%" PRId64 " ", time_wall_seconds());
        base64_encode(&value, request.session);
        cache_set(cache->cache, buf_slice(&key), buf_slice(&value));
    }
    return answer(channel, SLICE_EMPTY);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    switch ((int)number) {
    case MESSAGE_tlsmgr_get_keys:
        return answer_keys(channel);
    case MESSAGE_tlsmgr_find:
        return answer_find(channel, body);
    case MESSAGE_tlsmgr_keep:
        return answer_keep(channel, body);
    default:
        log_warning("unexpected request: %s", message_name(number));
        return -1;
    }
}

/* Master's wakeup, which an old master.cf asks for: there is nothing to do. */
static void trigger(struct slice bytes)
{
    (void)bytes;
}

static bool is_worth_keeping(void *arg, struct slice key, struct slice value)
{
    struct slice session;

    (void)key;
    return is_fresh(arg, value, &session);
}

static void sweep(void *arg)
{
    (void)arg;
    while (!worker_is_draining() &&
           co_sleep_until(deadline_in(SWEEP_INTERVAL)) == WAKE_TIMEOUT) {
        for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
            struct cache_cleanup result;
            struct error error;

            if (caches[i].cache &&
                cache_clean(caches[i].cache, is_worth_keeping, &caches[i], &result, &error) < 0)
                log_warning("%s: %s", caches[i].spec, error.text);
        }
    }
}

static void started(void)
{
    key_ring_open();
    if (!co_spawn("sweep", sweep, NULL))
        log_warning("no memory for a stack: old sessions stay in the cache");
}

static void finish(void)
{
    key_ring_save();
    for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
        if (caches[i].cache)
            cache_save_now(caches[i].cache);
    }
}

int main(int argc, char **argv)
{
    static const struct worker tlsmgr = {
        .name = "tlsmgr",
        .sessions_per_process = 1000,
        .limits_processes = true,
        .stays = true,
        .before_jail = open_all,
        .started = started,
        .request = request,
        .trigger = trigger,
        .draining = finish,
    };

    return worker_main(&tlsmgr, argc, argv);
}
