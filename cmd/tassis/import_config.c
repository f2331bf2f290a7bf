#include "import_config.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "conf/edit.h"
#include "conf/main_cf.h"

#define FILE_BYTES_MOST (256 << 20)

/* What an instance is, as opposed to what it does with mail. */
static const char *const own_settings[] = {
    "queue_directory", "data_directory",    "mail_owner",       "setgid_group",
    "maillog_file",    "command_directory", "daemon_directory", "multi_instance_name",
};

static int copy_file(const char *from, const char *to, const struct stat *status,
                     struct error *error)
{
    CLEANUP(buf_release) struct buf contents = BUF_INIT;

    if (file_read_all(from, &contents, FILE_BYTES_MOST, error) < 0 ||
        file_replace(to, buf_slice(&contents), status->st_mode & 07777, error) < 0)
        return -1;
    if ((geteuid() == 0 && chown(to, status->st_uid, status->st_gid) < 0) ||
        chmod(to, status->st_mode & 07777) < 0)
        return error_set(error, ERROR_PERMANENT, "owner and mode of %s: %m", to);
    /* An index that is older than its source would be taken for a stale one. */
    const struct timespec times[2] = {status->st_atim, status->st_mtim};

    if (utimensat(AT_FDCWD, to, times, 0) < 0)
        return error_set(error, ERROR_PERMANENT, "time of %s: %m", to);
    return 0;
}

static int copy_link(const char *from, const char *to, struct error *error)
{
    char target[4096];
    ssize_t len = readlink(from, target, sizeof(target) - 1);

    if (len < 0)
        return error_set(error, ERROR_PERMANENT, "read link %s: %m", from);
    target[len] = '\0';
    if (unlink(to) < 0 && errno != ENOENT)
        return error_set(error, ERROR_PERMANENT, "remove %s: %m", to);
    if (symlink(target, to) < 0)
        return error_set(error, ERROR_PERMANENT, "make link %s: %m", to);
    return 0;
}

static int copy_directory(const char *to, const struct stat *status, struct error *error)
{
    if (mkdir(to, status->st_mode & 07777) < 0 && errno != EEXIST)
        return error_set(error, ERROR_PERMANENT, "create directory %s: %m", to);
    if (geteuid() == 0 && chown(to, status->st_uid, status->st_gid) < 0)
        return error_set(error, ERROR_PERMANENT, "owner of %s: %m", to);
    return 0;
}

static int copy_entry(const FTSENT *entry, size_t root_len, const char *to, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s%s", to, entry->fts_path + root_len);
    switch (entry->fts_info) {
    case FTS_D:
        return copy_directory(path.data, entry->fts_statp, error);
    case FTS_F:
        return copy_file(entry->fts_path, path.data, entry->fts_statp, error);
    case FTS_SL:
    case FTS_SLNONE:
        return copy_link(entry->fts_path, path.data, error);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        return error_set(error, ERROR_PERMANENT, "read %s: %s", entry->fts_path,
                         strerror(entry->fts_errno));
    default: /* sockets and the like are nobody's configuration */
        return 0;
    }
}

static int copy_tree(const char *from, const char *to, struct error *error)
{
    CLEANUP(mem_free_text) char *root = mem_dup_text(from);
    char *const roots[] = {root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    int result = 0;

    if (!tree)
        return error_set(error, ERROR_PERMANENT, "read %s: %m", from);
    while (result == 0 && (entry = fts_read(tree)))
        result = copy_entry(entry, strlen(from), to, error);
    fts_close(tree);
    return result;
}

static int keep_own_settings(const char *old, const char *staging, struct error *error)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const char *settings[ARRAY_SIZE(own_settings)];
    size_t n = 0;

    main_cf_init(&main_cf);
    buf_printf(&path, "%s/main.cf", old);
    if (access(path.data, F_OK) < 0)
        return 0;
    if (main_cf_read(&main_cf, path.data, error) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(own_settings); i++) {
        const struct main_cf_entry *entry = main_cf_find(&main_cf, slice_from(own_settings[i]));

        if (entry)
            settings[n++] = arena_printf(&arena, "%s=%s", entry->name, entry->value);
    }
    return n > 0 ? main_cf_edit(staging, settings, n, error) : 0;
}

/* The first name that is free. */
static void name_backup(const char *to, struct buf *backup)
{
    int n = 0;

    do {
        buf_reset(backup);
        buf_printf(backup, "%s.before-import", to);
        if (n > 0)
            buf_printf(backup, ".%d", n);
        n++;
    } while (access(backup->data, F_OK) == 0);
}

static int change_places(const char *staging, const char *to, struct buf *backup,
                         struct error *error)
{
    name_backup(to, backup);
    if (access(to, F_OK) < 0) {
        buf_reset(backup);
        return rename(staging, to) == 0
                   ? 0
                   : error_set(error, ERROR_PERMANENT, "rename %s: %m", staging);
    }
    if (renameat2(AT_FDCWD, staging, AT_FDCWD, to, RENAME_EXCHANGE) < 0)
        return error_set(error, ERROR_PERMANENT, "exchange %s and %s: %m", staging, to);
    if (rename(staging, backup->data) < 0)
        return error_set(error, ERROR_PERMANENT, "rename %s: %m", staging);
    return 0;
}

int import_config_copy(const char *from, const char *to, struct buf *backup,
                       struct error *error)
{
    CLEANUP(buf_release) struct buf staging = BUF_INIT;

    buf_printf(&staging, "%s.importing", to);
    if (copy_tree(from, staging.data, error) < 0 ||
        keep_own_settings(to, staging.data, error) < 0)
        return -1;
    return change_places(staging.data, to, backup, error);
}
