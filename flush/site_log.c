#include "site_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "mail/queue_id.h"

/* A list that grew beyond this is read no further: the queue manager tries those anyway. */
#define LIST_MAX_BYTES ((size_t)64 << 20)

void site_log_path(struct buf *path, struct slice site)
{
    buf_set_text(path, "flush/");
    for (size_t i = 0; i < site.len; i++)
        buf_add_char(path, ascii_is_alnum(site.ptr[i]) ? ascii_lower(site.ptr[i]) : '_');
}

static int open_locked(const char *path, int flags, struct error *error)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", path);
    if (fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_BLOCK) < 0) {
        error_set(error, ERROR_TEMPORARY, "lock %s: %m", path);
        fd_close(&fd);
    }
    return fd;
}

int site_log_add(const char *path, struct slice queue_id, struct error *error)
{
    CLEANUP(fd_close) int fd = open_locked(path, O_WRONLY | O_CREAT | O_APPEND, error);
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (fd < 0)
        return -1;
    buf_add_slice(&line, queue_id);
    buf_add_char(&line, '\n');
    if (fd_write_all(fd, line.data, line.len) < 0)
        return error_set(error, ERROR_TEMPORARY, "write %s: %m", path);
    return 0;
}

int site_log_take(const char *path, struct hash *ids, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    errno = 0;
    CLEANUP(fd_close) int fd = open_locked(path, O_RDWR, error);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    if (fd_read_all(fd, &text, LIST_MAX_BYTES, error) < 0)
        return error_context(error, "%s", path);
    for (struct slice rest = buf_slice(&text); rest.len > 0;) {
        struct slice id = slice_split(&rest, '\n');
        if (queue_id_is_valid(id))
            hash_set(ids, id, ids);
    }
    if (ftruncate(fd, 0) < 0)
        return error_set(error, ERROR_TEMPORARY, "truncate %s: %m", path);
    return 0;
}
