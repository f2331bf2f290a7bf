/*
 * LMDB files as Postfix writes and reads them: one unnamed database, no lock file needed.
 *
 * The map size of LMDB is a bound that must be known before a transaction, and running into it
 * loses the transaction. So the work is cut into transactions of a bounded amount, and the map
 * is made large enough before each. The file itself is only as large as its contents.
 */
#include "table/lmdb_writer.h"

#include <errno.h>
#include <lmdb.h>

#include "base/buf.h"
#include "base/mem.h"
#include "conf/params.h"
#include "table/new_file.h"

/* What one transaction may write, and how much larger pages make it at worst. */
#define CHUNK_BYTES    ((size_t)8 << 20)
#define CHUNK_OVERHEAD 3
/* Pages from the root to a leaf that an entry in the middle makes dirty. */
#define PATH_BYTES ((size_t)4 * 4096)

struct lmdb_update {
    struct table_update update;
    struct new_file file;
    MDB_env *env;
    MDB_txn *txn; /* NULL between transactions */
    MDB_dbi dbi;
    size_t chunk_left; /* bytes that this transaction may still write */
    bool is_new;       /* nothing was copied: */
    struct buf last;   /* then this is the greatest key */
};

static struct lmdb_update *lmdb_of(struct table_update *update)
{
    return CONTAINER_OF(update, struct lmdb_update, update);
}

/* LMDB does not write to what it is given, though its struct has no const. */
static MDB_val to_val(struct slice text)
{
    union {
        const char *given;
        void *taken;
    } data = {.given = text.ptr};

    return (MDB_val){.mv_size = text.len, .mv_data = data.taken};
}

static int failed(const struct lmdb_update *lmdb, int result, struct error *error)
{
    return error_set(error, ERROR_TEMPORARY, "error writing %s: %s", lmdb->file.path,
                     mdb_strerror(result));
}

static void lmdb_abandon(struct table_update *update)
{
    struct lmdb_update *lmdb = lmdb_of(update);

    if (lmdb->txn)
        mdb_txn_abort(lmdb->txn);
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    new_file_release(&lmdb->file);
    buf_release(&lmdb->last);
    mem_free(lmdb);
}

static int begin_transaction(struct lmdb_update *lmdb, size_t room)
{
    MDB_envinfo info;
    MDB_stat stat;
    size_t size;
    int result;

    if ((result = mdb_env_info(lmdb->env, &info)) != 0 ||
        (result = mdb_env_stat(lmdb->env, &stat)) != 0)
        return result;
    size = (info.me_last_pgno + 1) * stat.ms_psize + room;
    if (size < (size_t)params.lmdb_map_size)
        size = (size_t)params.lmdb_map_size;
    if (size > info.me_mapsize && (result = mdb_env_set_mapsize(lmdb->env, size)) != 0)
        return result;
    result = mdb_txn_begin(lmdb->env, NULL, 0, &lmdb->txn);
    if (result == 0)
        result = mdb_dbi_open(lmdb->txn, NULL, 0, &lmdb->dbi);
    return result;
}

static int end_transaction(struct lmdb_update *lmdb)
{
    MDB_txn *txn = lmdb->txn;

    lmdb->txn = NULL;
    return txn ? mdb_txn_commit(txn) : 0;
}

/* Have a transaction in which that many bytes may be written. */
static int make_room(struct lmdb_update *lmdb, size_t bytes)
{
    int result = 0;

    if (lmdb->txn && lmdb->chunk_left < bytes)
        result = end_transaction(lmdb);
    if (result == 0 && !lmdb->txn) {
        lmdb->chunk_left = CHUNK_BYTES > bytes ? CHUNK_BYTES : bytes;
        result = begin_transaction(lmdb, lmdb->chunk_left * CHUNK_OVERHEAD);
    }
    if (result == 0)
        lmdb->chunk_left -= bytes;
    return result;
}

static int open_environment(struct lmdb_update *lmdb)
{
    int result = mdb_env_create(&lmdb->env);

    if (result == 0)
        result = mdb_env_open(lmdb->env, lmdb->file.temporary,
                              MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
    if (result == 0)
        result = make_room(lmdb, 0); /* an index without entries is one, too */
    return result;
}

static int start_file(struct lmdb_update *lmdb, const char *path, enum table_update_start start,
                      mode_t mode, struct error *error)
{
    bool is_missing = true;
    int result;

    if (new_file_create(&lmdb->file, path, mode, error) < 0)
        return -1;
    if (start != TABLE_UPDATE_EMPTY && new_file_copy_old(&lmdb->file, &is_missing, error) < 0 &&
        !(is_missing && start == TABLE_UPDATE_CREATE))
        return -1;
    lmdb->is_new = is_missing;
    result = open_environment(lmdb);
    if (result != 0)
        return error_set(error, ERROR_TEMPORARY, "open database %s: %s", path,
                         mdb_strerror(result));
    return 0;
}

static struct table_update *lmdb_begin(const char *path, enum table_update_start start,
                                       mode_t mode, struct error *error)
{
    struct lmdb_update *lmdb = mem_new(struct lmdb_update);

    lmdb->update.writer = &lmdb_writer;
    lmdb->file = NEW_FILE_INIT;
    buf_init(&lmdb->last);
    if (start_file(lmdb, path, start, mode, error) < 0) {
        lmdb_abandon(&lmdb->update);
        return NULL;
    }
    return &lmdb->update;
}

static size_t bytes_needed(struct slice key, struct slice value, bool is_last)
{
    return key.len + value.len + (is_last && value.len < 1024 ? 64 : PATH_BYTES);
}

static int lmdb_put(struct table_update *update, struct slice key, struct slice value,
                    enum table_put put, struct error *error)
{
    struct lmdb_update *lmdb = lmdb_of(update);
    MDB_val name = to_val(key);
    MDB_val data = to_val(value);
    unsigned flags = put == TABLE_PUT_NEW ? MDB_NOOVERWRITE : 0;
    bool is_last = lmdb->is_new && slice_compare(key, buf_slice(&lmdb->last)) > 0;
    int result = make_room(lmdb, bytes_needed(key, value, is_last));

    if (result == 0)
        result = mdb_put(lmdb->txn, lmdb->dbi, &name, &data, is_last ? MDB_APPEND : flags);
    if (result == MDB_KEYEXIST)
        return 0;
    if (result == MDB_BAD_VALSIZE)
        return error_set(error, ERROR_PERMANENT, "key of %zu bytes is too long", key.len);
    if (result != 0)
        return failed(lmdb, result, error);
    if (is_last)
        buf_set(&lmdb->last, key);
    return 1;
}

static int lmdb_remove(struct table_update *update, struct slice key, struct error *error)
{
    struct lmdb_update *lmdb = lmdb_of(update);
    MDB_val name = to_val(key);
    int result = make_room(lmdb, PATH_BYTES);

    if (result == 0)
        result = mdb_del(lmdb->txn, lmdb->dbi, &name, NULL);
    if (result == 0)
        return 1;
    if (result == MDB_NOTFOUND || result == MDB_BAD_VALSIZE)
        return 0;
    return failed(lmdb, result, error);
}

static int lmdb_commit(struct table_update *update, struct error *error)
{
    struct lmdb_update *lmdb = lmdb_of(update);
    int result = end_transaction(lmdb);

    if (result == 0) {
        /* Closed first: with MDB_NOSYNC all of it is in the page cache and in our hands. */
        mdb_env_close(lmdb->env);
        lmdb->env = NULL;
        result = new_file_commit(&lmdb->file, error);
    } else {
        result = failed(lmdb, result, error);
    }
    lmdb_abandon(update);
    return result;
}

const struct table_writer lmdb_writer = {
    .suffix = LMDB_SUFFIX,
    .key_max_bytes = 511,
    .begin = lmdb_begin,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .commit = lmdb_commit,
    .abandon = lmdb_abandon,
};
