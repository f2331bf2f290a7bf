/* Queue directories: moving, removing, opening and walking. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mail/queue_id.h"

#define HASH_DIRECTORY_MODE 0700
#define SCAN_DEPTH_LIMIT    32 /* hash_queue_depth is at most 16 */

int queue_rename(const struct queue_layout *layout, struct slice id, const char *from,
                 const char *to)
{
    CLEANUP(buf_release) struct buf old_path = BUF_INIT;
    CLEANUP(buf_release) struct buf new_path = BUF_INIT;

    queue_path(&old_path, layout, from, id);
    queue_path(&new_path, layout, to, id);
    if (rename(old_path.data, new_path.data) == 0)
        return 0;
    if (errno != ENOENT || path_make_parents(new_path.data, HASH_DIRECTORY_MODE) < 0)
        return -1;
    return rename(old_path.data, new_path.data);
}

int queue_remove(const struct queue_layout *layout, const char *queue, struct slice id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    queue_path(&path, layout, queue, id);
    return unlink(path.data);
}

int queue_open(const struct queue_layout *layout, const char *queue, struct slice id, int flags)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    int fd;

    queue_path(&path, layout, queue, id);
    fd = open(path.data, flags | O_CLOEXEC, 0600);
    if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
        return fd;
    if (path_make_parents(path.data, HASH_DIRECTORY_MODE) < 0)
        return -1;
    return open(path.data, flags | O_CLOEXEC, 0600);
}

struct queue_scan {
    DIR *directories[SCAN_DEPTH_LIMIT];
    size_t path_lengths[SCAN_DEPTH_LIMIT]; /* of `path` at that depth, with its slash */
    size_t depth;
    struct buf path;
    bool with_temporaries;
    size_t depth_kept; /* empty directories below are removed */
};

struct queue_scan *queue_scan_open(const char *queue)
{
    DIR *directory = opendir(queue);
    struct queue_scan *scan;

    if (!directory)
        return NULL;
    scan = mem_new(struct queue_scan);
    buf_init(&scan->path);
    buf_printf(&scan->path, "%s/", queue);
    scan->directories[0] = directory;
    scan->path_lengths[0] = scan->path.len;
    scan->depth = 1;
    scan->depth_kept = SCAN_DEPTH_LIMIT;
    return scan;
}

void queue_scan_include_temporaries(struct queue_scan *scan)
{
    scan->with_temporaries = true;
}

void queue_scan_remove_empty(struct queue_scan *scan, int depth)
{
    scan->depth_kept = (size_t)depth;
}

static void scan_leave(struct queue_scan *scan)
{
    closedir(scan->directories[--scan->depth]);
    if (scan->depth <= scan->depth_kept)
        return;
    buf_truncate(&scan->path, scan->path_lengths[scan->depth]);
    (void)rmdir(scan->path.data); /* what is not empty stays */
}

/* Go down into the directory of that one-character name. -1 with errno. */
static int scan_descend(struct queue_scan *scan, const char *name)
{
    DIR *parent = scan->directories[scan->depth - 1];
    int fd = openat(dirfd(parent), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory;

    if (fd < 0) /* no directory, or removed meanwhile: nothing to see there */
        return errno == ENOTDIR || errno == ENOENT || errno == ELOOP ? 0 : -1;
    directory = fdopendir(fd);
    if (!directory) {
        fd_close(&fd);
        return -1;
    }
    buf_truncate(&scan->path, scan->path_lengths[scan->depth - 1]);
    buf_printf(&scan->path, "%s/", name);
    scan->directories[scan->depth] = directory;
    scan->path_lengths[scan->depth++] = scan->path.len;
    return 0;
}

/* The next name of the deepest directory; NULL at the end (errno 0) or on error. */
static const char *scan_read(struct queue_scan *scan)
{
    const struct dirent *entry;

    errno = 0;
    entry = readdir(scan->directories[scan->depth - 1]);
    return entry ? entry->d_name : NULL;
}

int queue_scan_next(struct queue_scan *scan, struct slice *id)
{
    while (scan->depth > 0) {
        const char *name = scan_read(scan);
        struct slice text = slice_from(name);

        if (!name) {
            if (errno != 0)
                return -1;
            scan_leave(scan);
            continue;
        }
        if (text.len == 1) {
            if (*name != '.' && scan->depth < SCAN_DEPTH_LIMIT && scan_descend(scan, name) < 0)
                return -1;
            continue;
        }
        if (slice_equals(text, ".."))
            continue;
        if (!queue_id_is_valid(text) && !scan->with_temporaries)
            continue;
        buf_truncate(&scan->path, scan->path_lengths[scan->depth - 1]);
        buf_add_slice(&scan->path, text);
        *id = slice_from_offset(buf_slice(&scan->path), scan->path_lengths[scan->depth - 1]);
        return 1;
    }
    return 0;
}

const char *queue_scan_path(const struct queue_scan *scan)
{
    return scan->path.data;
}

int queue_scan_open_file(const struct queue_scan *scan, int flags)
{
    return openat(dirfd(scan->directories[scan->depth - 1]),
                  scan->path.data + scan->path_lengths[scan->depth - 1], flags | O_CLOEXEC);
}

void queue_scan_close(struct queue_scan *scan)
{
    if (!scan)
        return;
    while (scan->depth > 0)
        closedir(scan->directories[--scan->depth]);
    buf_release(&scan->path);
    mem_free(scan);
}
