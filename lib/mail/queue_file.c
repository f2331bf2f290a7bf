/*
 * Writing a queue file. A short message costs open, fstat, linkat, write, fchmod, fsync and
 * close; the last but one three run in the helper pool in one go.
 */
#include "mail/queue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/time.h"
#include "co/co.h"
#include "mail/unnamed_file.h"

#define CREATE_ATTEMPTS   100
#define HASH_DIR_MODE     0700
#define WRITE_AHEAD_BYTES ((size_t)64 * 1024)

/* Open a file under a name that is no queue ID; *name says which. -1 with errno. */
static int open_temporary(const char *queue, mode_t mode, struct buf *name)
{
    for (int i = 0; i < CREATE_ATTEMPTS; i++) {
        int fd;

        buf_reset(name);
        buf_printf(name, "%s/%ld.%d", queue, (long)time_wall().tv_usec, (int)getpid());
        fd = open(name->data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    errno = EEXIST;
    return -1;
}

/* Rename, but never over an existing file. -1 with errno. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) < 0) /* a file system without RENAME_NOREPLACE */
        return -1;
    return unlink(from);
}

/* `temporary`: NULL, or the name that the file has. -1 with errno. */
static int put_in_place(const struct queue_file *file, const char *temporary)
{
    return temporary ? rename_new(temporary, file->path.data)
                     : unnamed_file_link(file->fd, file->path.data);
}

/* Give the file its queue ID and its final name. -1 with errno. */
static int claim_id(struct queue_file *file, const struct queue_layout *layout,
                    enum queue_id_form form, const char *temporary)
{
    struct stat status;

    if (fstat(file->fd, &status) < 0)
        return -1;
    for (int i = 0; i < CREATE_ATTEMPTS; i++) {
        file->arrival_time = time_wall();
        queue_id_make(file->id, form, file->arrival_time, status.st_ino);
        queue_path(&file->path, layout, file->queue, slice_from(file->id));
        if (put_in_place(file, temporary) == 0)
            return 0;
        if (errno == EEXIST) /* a restored file may have the name: take another time */
            continue;
        /* The first file in a directory of a hashed queue. */
        if (errno != ENOENT || path_make_parents(file->path.data, HASH_DIR_MODE) < 0)
            return -1;
        if (put_in_place(file, temporary) == 0)
            return 0;
        if (errno != EEXIST)
            return -1;
    }
    return -1;
}

/* False where there are no unnamed files; a file with a name has better errors to tell. */
static bool create_unnamed(struct queue_file *file, const struct queue_layout *layout,
                           enum queue_id_form form, mode_t mode)
{
    if (strcmp(file->queue, "incoming") != 0)
        return false;
    file->fd = unnamed_file_open(mode);
    if (file->fd < 0)
        return false;
    if (claim_id(file, layout, form, NULL) == 0)
        return true;
    if (errno == ENOENT || errno == EPERM || errno == EXDEV) /* the directory is there */
        unnamed_file_forgo();
    fd_close(&file->fd);
    buf_release(&file->path);
    return false;
}

int queue_file_create(struct queue_file *file, const struct queue_layout *layout,
                      const char *queue, enum queue_id_form form, mode_t mode,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf temporary = BUF_INIT;

    file->queue = queue;
    if (create_unnamed(file, layout, form, mode))
        return 0;
    file->fd = open_temporary(queue, mode, &temporary);
    if (file->fd < 0)
        return error_set(error, ERROR_TEMPORARY, "create file %s: %m", temporary.data);
    if (claim_id(file, layout, form, temporary.data) < 0) {
        error_set(error, ERROR_TEMPORARY, "rename %s to %s: %m", temporary.data,
                  file->path.data);
        unlink(temporary.data);
        fd_close(&file->fd);
        buf_release(&file->path);
        return -1;
    }
    return 0;
}

static int write_records(struct queue_file *file, struct error *error)
{
    if (fd_write_all(file->fd, file->records.data, file->records.len) < 0)
        return error_set(error, ERROR_TEMPORARY, "write %s: %m", file->path.data);
    file->written += (off_t)file->records.len;
    buf_reset(&file->records);
    return 0;
}

int queue_file_put(struct queue_file *file, char type, struct slice data, off_t *offset,
                   struct error *error)
{
    bug_if(file->fd < 0);
    if (offset)
        *offset = queue_file_offset(file);
    record_append(&file->records, type, data);
    return file->records.len < WRITE_AHEAD_BYTES ? 0 : write_records(file, error);
}

int queue_file_put_run(struct queue_file *file, struct slice run, struct error *error)
{
    bug_if(file->fd < 0);
    if (file->records.len + run.len < WRITE_AHEAD_BYTES) {
        buf_add_slice(&file->records, run);
        return 0;
    }
    if (write_records(file, error) < 0)
        return -1;
    if (fd_write_all(file->fd, run.ptr, run.len) < 0)
        return error_set(error, ERROR_TEMPORARY, "write %s: %m", file->path.data);
    file->written += (off_t)run.len;
    return 0;
}

int queue_file_flush(struct queue_file *file, struct error *error)
{
    return write_records(file, error);
}

off_t queue_file_offset(const struct queue_file *file)
{
    return file->written + (off_t)file->records.len;
}

int queue_file_patch(struct queue_file *file, off_t offset, struct slice data,
                     struct error *error)
{
    bug_if(offset < 0 || offset + (off_t)data.len > queue_file_offset(file));
    while (data.len > 0 && offset < file->written) {
        off_t to_file = file->written - offset;
        size_t len = (off_t)data.len < to_file ? data.len : (size_t)to_file;
        ssize_t n = pwrite(file->fd, data.ptr, len, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(error, ERROR_TEMPORARY, "write %s: %m", file->path.data);
        data = slice_from_offset(data, (size_t)n);
        offset += n;
    }
    if (data.len > 0)
        memcpy(file->records.data + (offset - file->written), data.ptr, data.len);
    return 0;
}

int queue_file_move(struct queue_file *file, const struct queue_layout *layout,
                    const char *queue, struct error *error)
{
    if (queue_rename(layout, slice_from(file->id), file->queue, queue) < 0)
        return error_set(error, ERROR_TEMPORARY, "rename %s from %s to %s: %m", file->id,
                         file->queue, queue);
    file->queue = queue;
    queue_path(&file->path, layout, queue, slice_from(file->id));
    return 0;
}

struct commit {
    int fd;
    const char *data;
    size_t len;
    mode_t mode;
    const char *failed; /* the call that failed */
};

/* Runs in the helper pool: system calls only. */
static int commit_file(void *arg)
{
    struct commit *commit = arg;

    commit->failed = "write";
    while (commit->len > 0) {
        ssize_t n = write(commit->fd, commit->data, commit->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        commit->data += n;
        commit->len -= (size_t)n;
    }
    commit->failed = "change the mode of";
    if (fchmod(commit->fd, commit->mode) < 0)
        return -1;
    commit->failed = "sync"; /* not fdatasync: the mode bit that commits must reach the disk */
    return fsync(commit->fd);
}

int queue_file_commit(struct queue_file *file, mode_t mode, struct error *error)
{
    struct commit commit = {
        .fd = file->fd, .data = file->records.data, .len = file->records.len, .mode = mode};

    bug_if(file->fd < 0 || file->committed);
    if (co_offload(commit_file, &commit) < 0)
        return error_set(error, ERROR_TEMPORARY, "%s %s: %m", commit.failed, file->path.data);
    file->written += (off_t)file->records.len;
    buf_release(&file->records);
    file->committed = true;
    if (close(file->fd) < 0 && errno != EINTR) { /* NFS may say only here that it failed */
        file->fd = -1;
        file->committed = false;
        return error_set(error, ERROR_TEMPORARY, "close %s: %m", file->path.data);
    }
    file->fd = -1;
    return 0;
}

void queue_file_release(struct queue_file *file)
{
    /* The name goes first: the commit mark may be set although fsync failed. */
    if (file->path.len > 0 && !file->committed)
        unlink(file->path.data);
    fd_close(&file->fd);
    buf_release(&file->path);
    buf_release(&file->records);
    *file = QUEUE_FILE_INIT;
}
