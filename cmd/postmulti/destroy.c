/*
 * Removing the files of an instance. What somebody else put there stays.
 */
#include "destroy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "mail/queue_id.h"
#include "postmulti.h"

#define WALK_DESCRIPTORS 16

static const char *const message_queues[] = {"maildrop", "incoming", "active", "deferred",
                                             "hold"};

static const char *const queue_directories[] = {
    "active",   "bounce", "corrupt", "defer",  "deferred", "flush",   "hold",  "incoming",
    "maildrop", "pid",    "private", "public", "saved",    "staging", "trace",
};

static void check_empty(const char *path)
{
    struct queue_scan *scan = queue_scan_open(path);
    struct slice id;
    int result;

    if (!scan) {
        if (errno == ENOENT)
            return;
        fatal(1, "open queue directory %s: %m", path);
    }
    result = queue_scan_next(scan, &id);
    if (result < 0)
        fatal(1, "read queue directory %s: %m", path);
    if (result > 0)
        fatal(1, "Cannot remove an instance with messages in its queue: %s",
              queue_scan_path(scan));
    queue_scan_close(scan);
}

void destroy_check(const struct instance *instance)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/pid/master.pid", instance->queue_directory);
    CLEANUP(fd_close) int fd = open(path.data, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno != ENOENT)
        fatal(1, "open %s: %m", path.data);
    if (fd >= 0 && fd_flock(fd, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0)
        fatal(1, "Cannot remove an instance that is running: %s", instance->config_directory);
    for (size_t i = 0; i < ARRAY_SIZE(message_queues); i++) {
        buf_reset(&path);
        buf_printf(&path, "%s/%s", instance->queue_directory, message_queues[i]);
        check_empty(path.data);
    }
}

static void remove_file(const char *path)
{
    if (unlink(path) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", path);
}

static void remove_directory(const char *path)
{
    if (rmdir(path) == 0 || errno == ENOENT)
        return;
    if (errno == ENOTEMPTY || errno == EEXIST)
        log_warning("%s: please verify contents and remove by hand", path);
    else
        log_warning("remove %s: %m", path);
}

/* Sockets and the empty directories of a hashed queue; lock files are in pid/. */
static int remove_visited(const char *path, const struct stat *status, int type,
                          struct FTW *where)
{
    (void)type;
    (void)where;
    if (S_ISDIR(status->st_mode))
        remove_directory(path);
    else if (S_ISSOCK(status->st_mode) || S_ISFIFO(status->st_mode))
        remove_file(path);
    return 0;
}

/* Files right in the directory that the mail system makes under such names. */
static void remove_known_files(const char *directory, bool (*is_known)(const char *name))
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    DIR *entries = opendir(directory);
    const struct dirent *entry;

    if (!entries)
        return;
    while ((entry = readdir(entries)) != NULL) {
        if (!is_known(entry->d_name))
            continue;
        buf_reset(&path);
        buf_printf(&path, "%s/%s", directory, entry->d_name);
        remove_file(path.data);
    }
    closedir(entries);
}

static bool is_pid_file(const char *name)
{
    return strcmp(name, "master.pid") == 0 || strncmp(name, "unix.", strlen("unix.")) == 0 ||
           strncmp(name, "inet.", strlen("inet.")) == 0;
}

static bool is_data_file(const char *name)
{
    return strcmp(name, "master.lock") == 0 || strcmp(name, "prng_exch") == 0 ||
           strstr(name, "cache.lmdb") != NULL;
}

static void remove_queue(const char *queue_directory)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    buf_printf(&path, "%s/pid", queue_directory);
    remove_known_files(path.data, is_pid_file);
    for (size_t i = 0; i < ARRAY_SIZE(queue_directories); i++) {
        buf_reset(&path);
        buf_printf(&path, "%s/%s", queue_directory, queue_directories[i]);
        if (nftw(path.data, remove_visited, WALK_DESCRIPTORS,
                 FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
            errno != ENOENT)
            log_warning("remove %s: %m", path.data);
    }
    remove_directory(queue_directory);
}

void destroy_files(const struct instance *instance)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    remove_queue(instance->queue_directory);
    remove_known_files(instance->data_directory, is_data_file);
    remove_directory(instance->data_directory);
    buf_printf(&path, "%s/master.cf", instance->config_directory);
    remove_file(path.data);
    buf_reset(&path);
    buf_printf(&path, "%s/main.cf", instance->config_directory);
    remove_file(path.data);
    remove_directory(instance->config_directory);
}
