/*
 * The temporary file is locked from the first byte to the renaming, so two who change the same
 * table do so one after the other, and what a killed process left behind is used again.
 */
#include "table/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"

#define COPY_BYTES ((size_t)1 << 20)

static int inherit_from_old(const struct new_file *file, mode_t mode)
{
    struct stat old;

    if (stat(file->path, &old) < 0)
        return errno == ENOENT ? fchmod(file->fd, mode) : -1;
    /* Only root may give files away; for the others the new file is simply theirs. */
    if (fchown(file->fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
        return -1;
    return fchmod(file->fd, old.st_mode & 07777);
}

/* Nobody else's file, and not one that has another name, too. */
static bool is_ours(const struct stat *status)
{
    return S_ISREG(status->st_mode) && status->st_nlink == 1 && status->st_uid == geteuid();
}

enum taken { TAKEN, GONE, FAILED };

/*
 * Open the temporary file and wait until it is ours alone. GONE: the one before us has renamed
 * it meanwhile. FAILED: errno tells why.
 */
static enum taken take_temporary(const char *path, int *fd)
{
    struct stat opened, named;

    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*fd < 0)
        return FAILED;
    if (fd_flock(*fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_BLOCK) < 0 || fstat(*fd, &opened) < 0) {
        fd_close(fd);
        return FAILED;
    }
    if (lstat(path, &named) < 0 || named.st_ino != opened.st_ino ||
        named.st_dev != opened.st_dev) {
        fd_close(fd);
        return GONE;
    }
    if (!is_ours(&opened) || ftruncate(*fd, 0) < 0) {
        if (!is_ours(&opened))
            errno = EPERM;
        fd_close(fd);
        return FAILED;
    }
    return TAKEN;
}

int new_file_create(struct new_file *file, const char *path, mode_t mode, struct error *error)
{
    CLEANUP(buf_release) struct buf temporary = BUF_INIT;
    enum taken taken;
    int fd;

    buf_printf(&temporary, "%s.tmp", path);
    do
        taken = take_temporary(temporary.data, &fd);
    while (taken == GONE);
    if (taken == FAILED)
        return error_set(error, ERROR_TEMPORARY, "open database %s: %m", temporary.data);
    *file = (struct new_file){
        .path = mem_dup_text(path),
        .temporary = buf_take(&temporary),
        .fd = fd,
    };
    if (inherit_from_old(file, mode) < 0) {
        error_set(error, ERROR_TEMPORARY, "open database %s: %m", path);
        new_file_release(file);
        return -1;
    }
    return 0;
}

int new_file_copy_old(struct new_file *file, bool *is_missing, struct error *error)
{
    CLEANUP(fd_close) int old = open(file->path, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf_release) struct buf block = BUF_INIT;
    ssize_t n;

    *is_missing = old < 0 && errno == ENOENT;
    if (old < 0)
        return error_set(error, ERROR_TEMPORARY, "open database %s: %m", file->path);
    buf_reserve(&block, COPY_BYTES);
    while ((n = fd_read_full(old, block.data, COPY_BYTES)) > 0) {
        if (fd_write_all(file->fd, block.data, (size_t)n) < 0)
            return error_set(error, ERROR_TEMPORARY, "write %s: %m", file->temporary);
    }
    if (n < 0)
        return error_set(error, ERROR_TEMPORARY, "read %s: %m", file->path);
    return 0;
}

/* A rename is durable only when the directory is. */
static int sync_directory(const char *path)
{
    CLEANUP(mem_free_text) char *copy = mem_dup_text(path);
    CLEANUP(fd_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -1 : fsync(fd);
}

int new_file_commit(struct new_file *file, struct error *error)
{
    int result = 0;

    if (fsync(file->fd) < 0)
        result = error_set(error, ERROR_TEMPORARY, "sync %s: %m", file->temporary);
    else if (rename(file->temporary, file->path) < 0)
        result = error_set(error, ERROR_TEMPORARY, "rename %s to %s: %m", file->temporary,
                           file->path);
    else {
        mem_free(file->temporary);
        file->temporary = NULL;
        if (sync_directory(file->path) < 0)
            result = error_set(error, ERROR_TEMPORARY, "sync directory of %s: %m", file->path);
    }
    new_file_release(file);
    return result;
}

void new_file_release(struct new_file *file)
{
    /* While it is locked; what cannot be removed is used again by the next. */
    if (file->temporary)
        (void)unlink(file->temporary);
    fd_close(&file->fd);
    mem_free(file->temporary);
    mem_free(file->path);
    file->temporary = file->path = NULL;
}
