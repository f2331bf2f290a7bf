/*
 * Checking the queue directories: old temporary files, files under a name that does not match
 * their inode (after a restore from backup), files that are not where they are looked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/time.h"
#include "mail/queue_id.h"
#include "postsuper.h"

#define TEMPORARY_SECONDS ((time_t)7 * 86400) /* older ones belong to nobody */
#define MODE_READY        0700
#define MODE_WRITING      0600 /* of the owner's bits: not complete yet */
#define DIRECTORY_MODE    0700
#define MICROSECONDS      1000000

static const char *const message_queues[] = {"maildrop", "hold", "incoming", "active",
                                             "deferred"};

/* One file that the scan came across. */
struct found {
    const char *queue;
    const char *path;
    struct slice name; /* the last part of the path */
    struct stat status;
};

static bool is_message_queue(const char *queue)
{
    for (size_t i = 0; i < ARRAY_SIZE(message_queues); i++) {
        if (strcmp(queue, message_queues[i]) == 0)
            return true;
    }
    return false;
}

/* True when no queue holds a message of that name. */
static bool id_is_free(const struct superintendent *superintendent, const char *id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(message_queues); i++) {
        queue_path(&path, &superintendent->layout, message_queues[i], slice_from(id));
        if (access(path.data, F_OK) == 0)
            return false;
    }
    return true;
}

static void rename_logs(const struct superintendent *superintendent, struct slice from,
                        const char *to)
{
    CLEANUP(buf_release) struct buf from_path = BUF_INIT;
    CLEANUP(buf_release) struct buf to_path = BUF_INIT;

    for (size_t i = 0; i < LOG_QUEUES; i++) {
        queue_path(&from_path, &superintendent->layout, log_queues[i], from);
        queue_path(&to_path, &superintendent->layout, log_queues[i], slice_from(to));
        if (path_make_parents(to_path.data, DIRECTORY_MODE) < 0)
            fatal(1, "create directories for %s: %m", to_path.data);
        if (rename(from_path.data, to_path.data) < 0 && errno != ENOENT)
            fatal(1, "rename %s to %s: %m", from_path.data, to_path.data);
    }
}

static void move_file(const char *from, const char *to)
{
    if (path_make_parents(to, DIRECTORY_MODE) < 0)
        fatal(1, "create directories for %s: %m", to);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
        return;
    if (errno == EEXIST)
        log_warning("cannot move %s: %s exists", from, to);
    else
        fatal(1, "rename %s to %s: %m", from, to);
}

/*
 * Give the message a name with its inode number in it, of the form wanted. The time stays, but
 * for another fraction of the second where the name is taken.
 */
static void rename_message(struct superintendent *superintendent, const struct found *found,
                           enum queue_id_form form, struct timeval time)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    char id[QUEUE_ID_BYTES];

    for (int i = 0; i < MICROSECONDS; i++) {
        queue_id_make(id, form, time, found->status.st_ino);
        if (id_is_free(superintendent, id))
            break;
        time.tv_usec = (time.tv_usec + 1) % MICROSECONDS;
    }
    queue_path(&path, &superintendent->layout, found->queue, slice_from(id));
    /* The logs first: while the message has its old name, another run does all of it again. */
    rename_logs(superintendent, found->name, id);
    move_file(found->path, path.data);
    superintendent->totals.renamed++;
    log_debug(1, "renamed %s to %s", found->path, path.data);
}

/* True when the name was wrong and has been put right. */
static bool check_name(struct superintendent *superintendent, const struct checks *checks,
                       const struct found *found)
{
    bool is_long = queue_id_is_long(found->name);
    struct timeval time = {0};
    int32_t microseconds;
    int64_t seconds;
    uint64_t inode;

    if (!queue_id_parse(found->name, &seconds, &microseconds, &inode)) {
        log_warning("bogus file name: %s/%.*s", found->queue, SLICE_ARG(found->name));
        return false;
    }
    time.tv_sec = (time_t)seconds;
    time.tv_usec = microseconds;
    if (is_long && !checks->long_ids_stay) {
        rename_message(superintendent, found, QUEUE_ID_SHORT, time);
        return true;
    }
    if (inode == found->status.st_ino || (is_long && !checks->long_ids_too))
        return false;
    rename_message(superintendent, found, is_long ? QUEUE_ID_LONG : QUEUE_ID_SHORT, time);
    return true;
}

/* Move the file where queue_path puts it. */
static void check_place(const struct superintendent *superintendent, const struct found *found)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    queue_path(&path, &superintendent->layout, found->queue, found->name);
    if (strcmp(path.data, found->path) != 0)
        move_file(found->path, path.data);
}

/* A file that a program began to write and left, or is writing now. */
static bool is_temporary(const struct found *found)
{
    return slice_find(found->name, '.') < found->name.len ||
           (found->status.st_mode & MODE_READY) == MODE_WRITING;
}

/* True when the file was old and has been removed. */
static bool purge(const struct found *found)
{
    if (!is_temporary(found) ||
        found->status.st_mtime + TEMPORARY_SECONDS > time_wall_seconds() ||
        (found->status.st_mode & MODE_READY) == MODE_READY)
        return false;
    if (unlink(found->path) < 0 && errno != ENOENT)
        fatal(1, "remove file %s: %m", found->path);
    return true;
}

static void check_file(struct superintendent *superintendent, const struct checks *checks,
                       const struct found *found)
{
    bool is_message = is_message_queue(found->queue);

    if (!S_ISREG(found->status.st_mode)) {
        log_warning("not a regular file: %s", found->path);
    } else if (is_message && checks->purge && purge(found)) {
        log_debug(1, "removed %s", found->path);
    } else if (is_message && !queue_id_is_valid(found->name)) {
        log_warning("bogus file name: %s/%.*s", found->queue, SLICE_ARG(found->name));
    } else if (checks->structure &&
               !(is_message && check_name(superintendent, checks, found))) {
        check_place(superintendent, found);
    }
}

/* How deep below the queue the files lie. */
static int hash_depth(const struct queue_layout *layout, const char *queue)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    int slashes = 0;

    queue_path(&path, layout, queue, SLICE("X"));
    for (size_t i = 0; i < path.len; i++)
        slashes += path.data[i] == '/';
    return slashes - 1;
}

static void check_queue(struct superintendent *superintendent, const struct checks *checks,
                        const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct found found = {.queue = queue};
    struct progress progress;
    int result;

    if (!scan)
        fatal(1, "open directory %s: %m", queue);
    progress_begin(&progress, "files checked");
    queue_scan_include_temporaries(scan);
    if (checks->structure)
        queue_scan_remove_empty(scan, hash_depth(&superintendent->layout, queue));
    while ((result = queue_scan_next(scan, &found.name)) > 0) {
        progress_step(&progress);
        found.path = queue_scan_path(scan);
        if (lstat(found.path, &found.status) == 0)
            check_file(superintendent, checks, &found);
        else if (errno != ENOENT) /* gone meanwhile */
            fatal(1, "%s: %m", found.path);
    }
    progress_end(&progress);
    if (result < 0)
        fatal(1, "read directory %s: %m", queue);
    queue_scan_close(scan);
}

void check_structure(struct superintendent *superintendent, const struct checks *checks)
{
    struct queues *queues = &superintendent->queues;

    for (size_t i = 0; i < queues->count; i++)
        check_queue(superintendent, checks, queues->names[i]);
    if (superintendent->totals.renamed == 0)
        return;
    log_info("Renamed to match inode number: %lu message%s", superintendent->totals.renamed,
             superintendent->totals.renamed == 1 ? "" : "s");
    log_warning("QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS");
}
