/*
 * Change detection by fstat(2) and, where the path can be seen, stat(2).
 */
#include "base/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/time.h"

/* What can be read: a directory cannot, though it can be opened. -1 with errno. */
static int check_kind(int fd, struct stat *status)
{
    if (fstat(fd, status) < 0)
        return -1;
    if (S_ISDIR(status->st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return 0;
}

int file_watch_open(struct file_watch *watch, const char *verb, const char *path,
                    struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat seen;

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "%s %s: %m", verb, path);
    if (check_kind(fd, &seen) < 0) {
        fd_close(&fd);
        return error_set(error, ERROR_TEMPORARY, "read %s: %m", path);
    }
    *watch = (struct file_watch){
        .fd = fd,
        .path = mem_dup_text(path),
        .seen = seen,
        .next_look = time_now_ms() + SECONDS(1),
    };
    if (stat("/", &watch->root) < 0)
        watch->root = (struct stat){0};
    return 0;
}

void file_watch_close(struct file_watch *watch)
{
    fd_close(&watch->fd);
    mem_free(watch->path);
    watch->path = NULL;
}

static bool same_contents(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool look(const struct file_watch *watch)
{
    struct stat now, root;

    if (fstat(watch->fd, &now) < 0)
        return false;
    if ((now.st_nlink == 0 && watch->seen.st_nlink > 0) || !same_contents(&now, &watch->seen))
        return true;
    /* A link elsewhere may keep the old inode alive. Where the path is out of sight, or of
     * another file since a chroot has one of that name too, nothing can be told by it. */
    if (stat("/", &root) < 0 || !same_inode(&root, &watch->root) || stat(watch->path, &now) < 0)
        return false;
    return !same_inode(&now, &watch->seen);
}

bool file_watch_changed(struct file_watch *watch)
{
    if (watch->fd < 0 || watch->has_changed)
        return watch->has_changed;
    int64_t now = time_now_ms();

    if (now >= watch->next_look) {
        watch->next_look = now + SECONDS(1);
        watch->has_changed = look(watch);
    }
    return watch->has_changed;
}
