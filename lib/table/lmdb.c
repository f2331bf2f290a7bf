/*
 * lmdb:/path, and hash: and btree: which mean the same: the index /path.lmdb that postmap and
 * postalias write. Reading takes no lock, since a jail has no lock file to write: indexes are
 * replaced as whole files, never changed in place.
 */
#include <errno.h>
#include <lmdb.h>
#include <string.h>

#include "base/mem.h"
#include "base/watch.h"
#include "table/drivers.h"
#include "table/index_age.h"
#include "table/lmdb_writer.h"

struct lmdb_table {
    struct table table;
    struct file_watch watch;
    MDB_env *env;
    MDB_txn *txn; /* reset between look-ups */
    MDB_dbi dbi;
    size_t key_max_bytes;
};

static struct lmdb_table *lmdb_of(struct table *table)
{
    return CONTAINER_OF(table, struct lmdb_table, table);
}

static void lmdb_close(struct table *table)
{
    struct lmdb_table *lmdb = lmdb_of(table);

    if (lmdb->txn)
        mdb_txn_abort(lmdb->txn);
    if (lmdb->env)
        mdb_env_close(lmdb->env);
    file_watch_close(&lmdb->watch);
    mem_free(lmdb);
}

/* Beyond the end of the file the map has no memory behind it. */
static int check_size(struct lmdb_table *lmdb)
{
    MDB_envinfo info;
    MDB_stat stat;
    int result = mdb_env_info(lmdb->env, &info);

    if (result == 0)
        result = mdb_env_stat(lmdb->env, &stat);
    if (result == 0 && (uint64_t)lmdb->watch.seen.st_size / stat.ms_psize <= info.me_last_pgno)
        result = MDB_CORRUPTED;
    return result;
}

/* The whole of opening; on failure the LMDB error code. The environment has its own descriptor.
 */
static int open_environment(struct lmdb_table *lmdb, const char *path)
{
    int result = mdb_env_create(&lmdb->env);

    if (result == 0)
        result = mdb_env_open(lmdb->env, path,
                              MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0);
    if (result == 0)
        result = check_size(lmdb);
    if (result == 0)
        result = mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &lmdb->txn);
    if (result == 0)
        result = mdb_dbi_open(lmdb->txn, NULL, 0, &lmdb->dbi);
    if (result == 0) {
        lmdb->key_max_bytes = (size_t)mdb_env_get_maxkeysize(lmdb->env);
        mdb_txn_reset(lmdb->txn);
    }
    return result;
}

static struct table *lmdb_open(const char *name, const struct table_options *options,
                               struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct lmdb_table *lmdb = mem_new(struct lmdb_table);
    int result;

    (void)options;
    lmdb->watch = FILE_WATCH_INIT;
    buf_printf(&path, "%s%s", name, LMDB_SUFFIX);
    if (file_watch_open(&lmdb->watch, "open database", path.data, error) < 0) {
        lmdb_close(&lmdb->table);
        return NULL;
    }
    result = open_environment(lmdb, path.data);
    if (result != 0) {
        error_set(error, ERROR_TEMPORARY, "open database %s: %s", path.data,
                  result == MDB_CORRUPTED ? "the file is truncated" : mdb_strerror(result));
        lmdb_close(&lmdb->table);
        return NULL;
    }
    index_warn_if_older(&lmdb->watch, name);
    return &lmdb->table;
}

/* Values are written with or without a NUL at their end. */
static struct slice without_nul(const MDB_val *data)
{
    struct slice text = slice_of(data->mv_data, data->mv_size);

    if (text.len && text.ptr[text.len - 1] == '\0')
        text.len--;
    return text;
}

/* With the NUL that postmap writes behind a key, then without. */
static int get(struct lmdb_table *lmdb, struct slice key, MDB_val *data)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    MDB_val name;
    int result = MDB_NOTFOUND;

    buf_set(&text, key);
    name.mv_data = text.data;
    name.mv_size = text.len + 1;
    if (name.mv_size <= lmdb->key_max_bytes)
        result = mdb_get(lmdb->txn, lmdb->dbi, &name, data);
    if (result == MDB_NOTFOUND && text.len > 0 && text.len <= lmdb->key_max_bytes) {
        name.mv_size = text.len;
        result = mdb_get(lmdb->txn, lmdb->dbi, &name, data);
    }
    return result;
}

static enum table_result lmdb_lookup(struct table *table, struct slice key, struct buf *value,
                                     struct error *error)
{
    struct lmdb_table *lmdb = lmdb_of(table);
    MDB_val data;
    int result = mdb_txn_renew(lmdb->txn);

    if (result == 0)
        result = get(lmdb, key, &data);
    if (result == 0)
        buf_set(value, without_nul(&data));
    mdb_txn_reset(lmdb->txn);
    if (result == 0)
        return TABLE_FOUND;
    if (result == MDB_NOTFOUND)
        return TABLE_NOT_FOUND;
    error_set(error, ERROR_TEMPORARY, "error reading %s: %s", table->spec,
              mdb_strerror(result));
    return TABLE_ERROR;
}

static int lmdb_walk(struct table *table, table_entry_fn *entry, void *arg, struct error *error)
{
    struct lmdb_table *lmdb = lmdb_of(table);
    MDB_cursor *cursor = NULL;
    MDB_val name, data;
    int result = mdb_txn_renew(lmdb->txn);

    if (result == 0)
        result = mdb_cursor_open(lmdb->txn, lmdb->dbi, &cursor);
    while (result == 0 && (result = mdb_cursor_get(cursor, &name, &data, MDB_NEXT)) == 0) {
        if (!entry(arg, without_nul(&name), without_nul(&data)))
            break;
    }
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_reset(lmdb->txn);
    if (result == 0 || result == MDB_NOTFOUND)
        return 0;
    return error_set(error, ERROR_TEMPORARY, "error reading %s: %s", table->spec,
                     mdb_strerror(result));
}

static bool lmdb_has_changed(struct table *table)
{
    return file_watch_changed(&lmdb_of(table)->watch);
}

#define LMDB_DRIVER(name)                                                             \
    {                                                                                 \
        .type = (name), .folds_case = true, .open = lmdb_open, .lookup = lmdb_lookup, \
        .close = lmdb_close, .walk = lmdb_walk, .has_changed = lmdb_has_changed,      \
        .writer = &lmdb_writer,                                                       \
    }

const struct table_driver table_lmdb = LMDB_DRIVER("lmdb");

/* Files of Berkeley DB are not read: their index is made anew from the source. */
const struct table_driver table_hash = LMDB_DRIVER("hash");
const struct table_driver table_btree = LMDB_DRIVER("btree");
