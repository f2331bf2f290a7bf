#include "table/cache_file.h"

#include <libgen.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "conf/params.h"
#include "table/as_owner.h"

/* Address space, not memory or disk: the file grows as it is filled. */
#define MAP_BYTES ((size_t)1 << 30)

static int open_database(struct cache_file *file)
{
    MDB_txn *txn = NULL;
    int result = mdb_txn_begin(file->env, NULL, 0, &txn);

    if (result == 0)
        result = mdb_dbi_open(txn, NULL, 0, &file->dbi);
    if (result == 0)
        return mdb_txn_commit(txn);
    if (txn)
        mdb_txn_abort(txn);
    return result;
}

/* Beyond the end of the file the map has no memory behind it. */
static int check_size(const struct cache_file *file, const char *path)
{
    struct stat status;
    MDB_envinfo info;
    MDB_stat pages;
    int result = mdb_env_info(file->env, &info);

    if (result == 0)
        result = mdb_env_stat(file->env, &pages);
    if (result == 0 && stat(path, &status) == 0 &&
        (uint64_t)status.st_size / pages.ms_psize <= info.me_last_pgno && status.st_size > 0)
        result = MDB_CORRUPTED;
    return result;
}

static int open_environment(struct cache_file *file, const char *path)
{
    size_t size = MAP_BYTES;
    int dead, result = mdb_env_create(&file->env);

    if (size < (size_t)params.lmdb_map_size)
        size = (size_t)params.lmdb_map_size;
    if (result == 0)
        result = mdb_env_set_mapsize(file->env, size);
    if (result == 0)
        result = mdb_env_open(file->env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (result == 0)
        result = check_size(file, path);
    if (result == 0)
        result = mdb_reader_check(file->env, &dead); /* who was killed while reading */
    if (result == 0)
        result = open_database(file);
    return result;
}

int cache_file_open(struct cache_file *file, const char *path, struct error *error)
{
    CLEANUP(mem_free_text) char *copy = mem_dup_text(path);
    struct cache_file opened = {.env = NULL};
    struct as_owner owner;
    struct stat directory;

    if (stat(dirname(copy), &directory) < 0)
        return error_set(error, ERROR_TEMPORARY, "open database %s: %m", path);
    if (as_owner_begin(&owner, &directory, path, error) < 0)
        return -1;
    int result = open_environment(&opened, path);

    as_owner_end(&owner);
    if (result == 0) {
        *file = opened;
        return 0;
    }
    cache_file_close(&opened);
    return error_set(error, ERROR_TEMPORARY, "open database %s: %s", path,
                     result == MDB_CORRUPTED ? "the file is truncated" : mdb_strerror(result));
}

void cache_file_close(struct cache_file *file)
{
    if (file->env)
        mdb_env_close(file->env);
    file->env = NULL;
}
