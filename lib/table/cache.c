/* Caches: memory in front of an LMDB environment, and a helper thread that writes. */
#include "table/cache.h"

#include <inttypes.h>
#include <lmdb.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "co/co.h"
#include "table/cache_file.h"

#define CLEANED_KEY "_LAST_CACHE_CLEANUP_COMPLETED_"

/* How much of the file is walked over at a time. */
#define CLEANUP_STEP 500

/* The value that a key is going to have; removed where there is none. */
struct change {
    bool is_removal;
    struct buf value;
};

/* Changes on their way to the disk, in the form that the helper thread wants them. */
struct batch {
    MDB_env *env;
    MDB_dbi dbi;
    size_t n;
    MDB_val *keys, *values; /* mv_data NULL: remove */
};

struct cache {
    char *spec, *path;
    struct cache_file file;
    struct hash pending; /* set, and not yet on its way; struct change */
    struct hash leaving; /* on its way */
    bool is_saving;
    struct co_queue saved;
};

static void change_free(void *value)
{
    struct change *change = value;

    if (!change)
        return;
    buf_release(&change->value);
    mem_free(change);
}

/* -- opening -------------------------------------------------------------------------------
 */

static struct slice path_of(const char *spec)
{
    static const char *const types[] = {"lmdb:", "hash:", "btree:"};
    struct slice name = slice_from(spec);

    if (slice_starts_with(name, "proxy:"))
        name = slice_from_offset(name, strlen("proxy:"));
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (slice_starts_with(name, types[i]))
            return slice_from_offset(name, strlen(types[i]));
    }
    return SLICE_EMPTY;
}

static void cache_free(struct cache *cache)
{
    cache_file_close(&cache->file);
    hash_release(&cache->pending, change_free);
    hash_release(&cache->leaving, change_free);
    mem_free(cache->spec);
    mem_free(cache->path);
    mem_free(cache);
}

struct cache *cache_open(const char *spec, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct slice name = path_of(spec);

    if (name.len == 0) {
        error_set(error, ERROR_PERMANENT, "%s: a cache must be of type lmdb", spec);
        return NULL;
    }
    struct cache *cache = mem_new(struct cache);

    buf_printf(&path, "%.*s.lmdb", SLICE_ARG(name));
    cache->path = buf_take(&path);
    cache->spec = mem_dup_text(spec);
    cache->pending = cache->leaving = HASH_INIT;
    if (cache_file_open(&cache->file, cache->path, error) == 0)
        return cache;
    cache_free(cache);
    return NULL;
}

/* -- writing --------------------------------------------------------------------------------
 */

static int apply(const struct batch *batch, MDB_txn *txn)
{
    int result = 0;

    for (size_t i = 0; i < batch->n && result == 0; i++) {
        MDB_val *value = &batch->values[i];

        if (value->mv_data)
            result = mdb_put(txn, batch->dbi, &batch->keys[i], value, 0);
        else
            result = mdb_del(txn, batch->dbi, &batch->keys[i], NULL);
        if (result == MDB_NOTFOUND)
            result = 0;
    }
    return result;
}

/* In the helper thread: nothing but LMDB. */
static int commit(void *arg)
{
    const struct batch *batch = arg;
    MDB_txn *txn;
    int result = mdb_txn_begin(batch->env, NULL, 0, &txn);

    if (result != 0)
        return result;
    result = apply(batch, txn);
    if (result == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return result;
}

/* LMDB does not write to what it is given. The NUL behind each text goes along. */
static MDB_val to_val(struct slice text)
{
    union {
        const char *given;
        void *taken;
    } data = {.given = text.ptr};

    return (MDB_val){.mv_size = text.len + 1, .mv_data = data.taken};
}

static void batch_init(struct batch *batch, const struct cache *cache)
{
    size_t n = cache->leaving.n_entries + cache->pending.n_entries;

    *batch = (struct batch){.env = cache->file.env,
                            .dbi = cache->file.dbi,
                            .keys = mem_array(MDB_val, n),
                            .values = mem_array(MDB_val, n)};
}

static void batch_release(struct batch *batch)
{
    mem_free(batch->keys);
    mem_free(batch->values);
}

static void batch_add(struct batch *batch, const struct hash *changes)
{
    struct hash_cursor cursor = {0};
    struct slice key;
    void *value;

    while (hash_next(changes, &cursor, &key, &value)) {
        const struct change *change = value;

        batch->keys[batch->n] = to_val(key);
        if (!change->is_removal)
            batch->values[batch->n] = to_val(buf_slice(&change->value));
        batch->n++;
    }
}

static void forget(struct hash *changes)
{
    hash_release(changes, change_free);
    *changes = HASH_INIT;
}

static void warn(const struct cache *cache, int result)
{
    if (result != 0)
        log_warning("error writing %s: %s", cache->path, mdb_strerror(result));
}

static void save_pending(struct cache *cache)
{
    CLEANUP(batch_release) struct batch batch;

    cache->leaving = cache->pending;
    cache->pending = HASH_INIT;
    batch_init(&batch, cache);
    batch_add(&batch, &cache->leaving);
    warn(cache, co_offload(commit, &batch));
    forget(&cache->leaving);
}

/* What the helper thread is about to write may be lost with the process: it is written twice.
 */
void cache_save_now(struct cache *cache)
{
    CLEANUP(batch_release) struct batch batch;

    batch_init(&batch, cache);
    batch_add(&batch, &cache->leaving);
    batch_add(&batch, &cache->pending);
    if (batch.n > 0)
        warn(cache, commit(&batch));
    forget(&cache->pending);
}

static void save_all(void *arg)
{
    struct cache *cache = arg;

    while (cache->pending.n_entries > 0)
        save_pending(cache);
    cache->is_saving = false;
    co_wake_all(&cache->saved);
}

static void save_soon(struct cache *cache)
{
    if (cache->is_saving)
        return;
    cache->is_saving = true;
    if (co_self() && co_spawn("cache", save_all, cache))
        return;
    cache->is_saving = false;
    cache_save_now(cache);
}

void cache_save(struct cache *cache)
{
    while (cache->is_saving && co_wait(&cache->saved, DEADLINE_NONE) == WAKE_READY)
        ;
    if (!cache->is_saving)
        cache_save_now(cache);
}

void cache_close(struct cache *cache)
{
    if (!cache)
        return;
    cache_save(cache);
    cache_free(cache);
}

bool cache_takes_key(const struct cache *cache, struct slice key)
{
    return key.len > 0 && key.len + 1 <= (size_t)mdb_env_get_maxkeysize(cache->file.env);
}

static struct change *change_new(struct cache *cache, struct slice key)
{
    struct change *change;

    if (!cache_takes_key(cache, key))
        return NULL;
    change = mem_new(struct change);
    buf_init(&change->value);
    change_free(hash_set(&cache->pending, key, change));
    return change;
}

void cache_set(struct cache *cache, struct slice key, struct slice value)
{
    struct change *change = change_new(cache, key);

    if (!change)
        return;
    buf_set(&change->value, value);
    save_soon(cache);
}

void cache_remove(struct cache *cache, struct slice key)
{
    struct change *change = change_new(cache, key);

    if (!change)
        return;
    change->is_removal = true;
    save_soon(cache);
}

/* -- reading --------------------------------------------------------------------------------
 */

static struct slice without_nul(const MDB_val *data)
{
    struct slice text = slice_of(data->mv_data, data->mv_size);

    if (text.len && text.ptr[text.len - 1] == '\0')
        text.len--;
    return text;
}

static int read_value(struct cache *cache, struct slice key, struct buf *value)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    MDB_txn *txn;
    MDB_val data;
    int result = mdb_txn_begin(cache->file.env, NULL, MDB_RDONLY, &txn);

    if (result != 0)
        return result;
    buf_set(&text, key);
    MDB_val name = to_val(buf_slice(&text));

    result = mdb_get(txn, cache->file.dbi, &name, &data);
    if (result == MDB_NOTFOUND && text.len) { /* written by others, without the NUL */
        name.mv_size--;
        result = mdb_get(txn, cache->file.dbi, &name, &data);
    }
    if (result == 0)
        buf_set(value, without_nul(&data));
    mdb_txn_abort(txn);
    return result;
}

enum table_result cache_find(struct cache *cache, struct slice key, struct buf *value,
                             struct error *error)
{
    const struct change *change = hash_get(&cache->pending, key);

    if (!change)
        change = hash_get(&cache->leaving, key);
    if (change && change->is_removal)
        return TABLE_NOT_FOUND;
    if (change) {
        buf_set(value, buf_slice(&change->value));
        return TABLE_FOUND;
    }
    if (!cache_takes_key(cache, key))
        return TABLE_NOT_FOUND;
    int result = read_value(cache, key, value);

    if (result == 0)
        return TABLE_FOUND;
    if (result == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    error_set(error, ERROR_TEMPORARY, "error reading %s: %s", cache->path,
              mdb_strerror(result));
    return TABLE_ERROR;
}

/* -- cleaning up ----------------------------------------------------------------------------
 */

struct walk {
    cache_keep_fn *keep;
    void *arg;
    struct cache_cleanup *result;
    struct buf last; /* the key that was looked at last */
};

static void judge(struct cache *cache, struct walk *walk, const MDB_val *name,
                  const MDB_val *data)
{
    struct slice key = without_nul(name);

    if (slice_equals(key, CLEANED_KEY))
        return;
    if (walk->keep(walk->arg, key, without_nul(data))) {
        walk->result->n_retained++;
        return;
    }
    walk->result->n_dropped++;
    cache_remove(cache, key);
}

/* Look at the next entries. MDB_NOTFOUND when there are no more. */
static int walk_step(struct cache *cache, struct walk *walk)
{
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    MDB_val name = {.mv_size = walk->last.len, .mv_data = walk->last.data};
    MDB_val data;
    int result = mdb_txn_begin(cache->file.env, NULL, MDB_RDONLY, &txn);

    if (result != 0)
        return result;
    result = mdb_cursor_open(txn, cache->file.dbi, &cursor);
    if (result == 0)
        result =
            mdb_cursor_get(cursor, &name, &data, walk->last.len ? MDB_SET_RANGE : MDB_FIRST);
    if (result == 0 && slice_same(slice_of(name.mv_data, name.mv_size), buf_slice(&walk->last)))
        result = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
    for (int i = 0; result == 0 && i < CLEANUP_STEP; i++) {
        judge(cache, walk, &name, &data);
        buf_set(&walk->last, slice_of(name.mv_data, name.mv_size));
        result = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
    }
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return result;
}

static void note_cleaned(struct cache *cache)
{
    CLEANUP(buf_release) struct buf now = BUF_INIT;

    buf_printf(&now, "%" PRId64, time_wall_seconds());
    cache_set(cache, SLICE(CLEANED_KEY), buf_slice(&now));
}

int cache_clean(struct cache *cache, cache_keep_fn *keep, void *arg,
                struct cache_cleanup *result, struct error *error)
{
    struct walk walk = {.keep = keep, .arg = arg, .result = result, .last = BUF_INIT};
    int status;

    *result = (struct cache_cleanup){0};
    while ((status = walk_step(cache, &walk)) == 0) {
        if (co_self())
            co_yield();
    }
    buf_release(&walk.last);
    if (status != MDB_NOTFOUND)
        return error_set(error, ERROR_TEMPORARY, "error reading %s: %s", cache->path,
                         mdb_strerror(status));
    note_cleaned(cache);
    return 0;
}

int64_t cache_last_cleaned(struct cache *cache)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error;
    int64_t when;

    if (cache_find(cache, SLICE(CLEANED_KEY), &value, &error) != TABLE_FOUND ||
        !slice_to_int(buf_slice(&value), 0, INT64_MAX, &when))
        return 0;
    return when;
}
