#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"

#define READ_BYTES 16384

void fd_close(int *fd)
{
    if (*fd < 0)
        return;
    int saved_errno = errno;

    /* Whatever close answers, on Linux the descriptor is gone; who wants the data fsyncs. */
    (void)close(*fd);
    *fd = -1;
    errno = saved_errno;
}

static int by_number(const void *a, const void *b)
{
    const int *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

/* Those opened in a row have numbers in a row, but for gaps that were free before. */
void fd_bin_empty(struct fd_bin *bin)
{
    int saved = errno;

    qsort(bin->items, bin->count, sizeof(bin->items[0]), by_number);
    for (size_t i = 0, end; i < bin->count; i = end) {
        for (end = i + 1; end < bin->count && bin->items[end] == bin->items[end - 1] + 1;)
            end++;
        bug_if(close_range((unsigned)bin->items[i], (unsigned)bin->items[end - 1], 0) < 0);
    }
    bin->count = 0;
    errno = saved;
}

void fd_bin_add(struct fd_bin *bin, int fd)
{
    if (fd < 0)
        return;
    bin->items[bin->count++] = fd;
    if (bin->count == ARRAY_SIZE(bin->items))
        fd_bin_empty(bin);
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *rest = data;

    while (len) {
        ssize_t n = write(fd, rest, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        rest += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, (char *)data + got, len - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int fd_read_all(int fd, struct buf *buf, size_t limit, struct error *error)
{
    size_t got = 0;

    for (;;) {
        ssize_t n = fd_read_full(fd, buf_reserve(buf, READ_BYTES), READ_BYTES);

        if (n < 0)
            return error_set(error, ERROR_TEMPORARY, "read: %m");
        if ((size_t)n > limit - got)
            return error_set(error, ERROR_TEMPORARY, "larger than %zu bytes", limit);
        got += (size_t)n;
        buf->len += (size_t)n;
        buf->data[buf->len] = '\0';
        if (n < READ_BYTES)
            return 0;
    }
}

int file_read_all(const char *path, struct buf *buf, size_t limit, struct error *error)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", path);
    if (fd_read_all(fd, buf, limit, error) < 0)
        return error_context(error, "%s", path);
    return 0;
}

int fd_set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -1;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : fcntl(fd, F_SETFL, wanted);
}

int fd_set_cloexec(int fd, bool on)
{
    return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0);
}

/* Give the new file the owner and the mode of the one that it replaces. */
static int copy_owner_and_mode(int fd, const char *path, mode_t mode, struct error *error)
{
    struct stat old;

    if (stat(path, &old) < 0) {
        if (errno != ENOENT)
            return error_set(error, ERROR_TEMPORARY, "stat %s: %m", path);
        if (fchmod(fd, mode) < 0)
            return error_set(error, ERROR_TEMPORARY, "set mode of new %s: %m", path);
        return 0;
    }
    /* Only root may give a file away; the others keep it as theirs. */
    if (fchown(fd, old.st_uid, old.st_gid) < 0 && errno != EPERM)
        return error_set(error, ERROR_TEMPORARY, "set owner of new %s: %m", path);
    if (fchmod(fd, old.st_mode & 07777) < 0)
        return error_set(error, ERROR_TEMPORARY, "set mode of new %s: %m", path);
    return 0;
}

static int sync_directory_of(const char *path, struct error *error)
{
    CLEANUP(mem_free_text) char *copy = mem_dup_text(path);
    CLEANUP(fd_close) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return error_set(error, ERROR_TEMPORARY, "sync directory of %s: %m", path);
    return 0;
}

static int fill_and_rename(int fd, const char *temporary, const char *path,
                           struct slice contents, struct error *error)
{
    if (fd_write_all(fd, contents.ptr, contents.len) < 0)
        return error_set(error, ERROR_TEMPORARY, "write %s: %m", temporary);
    if (fsync(fd) < 0)
        return error_set(error, ERROR_TEMPORARY, "sync %s: %m", temporary);
    if (rename(temporary, path) < 0)
        return error_set(error, ERROR_TEMPORARY, "rename %s to %s: %m", temporary, path);
    return 0;
}

int file_replace(const char *path, struct slice contents, mode_t mode, struct error *error)
{
    CLEANUP(buf_release) struct buf temporary = BUF_INIT;

    buf_printf(&temporary, "%s.XXXXXX", path);
    CLEANUP(fd_close) int fd = mkostemp(temporary.data, O_CLOEXEC);
    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "create %s: %m", temporary.data);
    if (copy_owner_and_mode(fd, path, mode, error) < 0 ||
        fill_and_rename(fd, temporary.data, path, contents, error) < 0) {
        (void)unlink(temporary.data);
        return -1;
    }
    return sync_directory_of(path, error);
}

int fd_flock(int fd, enum file_lock lock, enum file_lock_wait wait)
{
    int operation = lock == FILE_LOCK_SHARED      ? LOCK_SH
                    : lock == FILE_LOCK_EXCLUSIVE ? LOCK_EX
                                                  : LOCK_UN;

    if (wait == FILE_LOCK_TRY)
        operation |= LOCK_NB;
    for (;;) {
        int result = flock(fd, operation);

        if (result == 0 || errno != EINTR)
            return result;
    }
}

int fd_fcntl_lock(int fd, enum file_lock lock, enum file_lock_wait wait)
{
    short type = lock == FILE_LOCK_SHARED      ? F_RDLCK
                 : lock == FILE_LOCK_EXCLUSIVE ? F_WRLCK
                                               : F_UNLCK;
    struct flock region = {.l_type = type, .l_whence = SEEK_SET};

    for (;;) {
        int result = fcntl(fd, wait == FILE_LOCK_TRY ? F_SETLK : F_SETLKW, &region);

        if (result == 0)
            return 0;
        if (errno == EACCES) /* POSIX lets a system answer this for "locked" */
            errno = EAGAIN;
        if (errno != EINTR)
            return -1;
    }
}

int path_make_parents(const char *path, mode_t mode)
{
    CLEANUP(mem_free_text) char *copy = mem_dup_text(path);

    for (char *slash = strchr(copy + (*copy == '/'), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return -1;
        *slash = '/';
    }
    return 0;
}

void fd_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
