#include "import_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/progress.h"

#define COPY_BYTES (64 << 10)

/* Delivery logs go first: a message without them is merely tried again without its history. */
static const char *const queues[] = {"bounce", "defer",    "trace",  "flush",    "corrupt",
                                     "hold",   "deferred", "active", "incoming", "maildrop"};

enum { N_LOG_QUEUES = 4 };

struct mover {
    const struct queue_place *from, *to; /* to is NULL: only count */
    int64_t *n_messages;
    struct progress progress;
    uid_t owner;
    gid_t group;
    bool sets_owner;
    bool in_maildrop; /* whose files belong to who sent the mail */
};

static uid_t owner_of(const struct mover *mover, const struct stat *status)
{
    return mover->in_maildrop ? status->st_uid : mover->owner;
}

static int copy_contents(int in, int out, const char *path, struct error *error)
{
    char *bytes = mem_array(char, COPY_BYTES);
    ssize_t got;
    int result = 0;

    while (result == 0 && (got = fd_read_full(in, bytes, COPY_BYTES)) != 0) {
        if (got < 0)
            result = error_set(error, ERROR_TEMPORARY, "read %s: %m", path);
        else if (fd_write_all(out, bytes, (size_t)got) < 0)
            result = error_set(error, ERROR_TEMPORARY, "copy %s: %m", path);
    }
    mem_free(bytes);
    return result;
}

/* The mode says that a message is complete, so it is set last, before the sync. */
static int write_copy(const struct mover *mover, int in, const char *path,
                      const struct stat *status, struct error *error)
{
    const struct timespec times[2] = {status->st_atim, status->st_mtim};
    CLEANUP(fd_close) int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (out < 0)
        return error_set(error, ERROR_TEMPORARY, "create %s: %m", path);
    if (copy_contents(in, out, path, error) < 0)
        return -1;
    if ((mover->sets_owner && fchown(out, owner_of(mover, status), mover->group) < 0) ||
        futimens(out, times) < 0 || fchmod(out, status->st_mode & 07777) < 0 || fsync(out) < 0)
        return error_set(error, ERROR_TEMPORARY, "finish %s: %m", path);
    return 0;
}

static int sync_directory_of(const char *path, struct error *error)
{
    struct slice text = slice_from(path);
    CLEANUP(mem_free_text)
    char *directory = slice_dup(slice_sub(text, 0, slice_find_last(text, '/')));
    CLEANUP(fd_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return error_set(error, ERROR_TEMPORARY, "sync %s: %m", directory);
    return 0;
}

/* To another file system: written under a name that no queue has, then given its own. */
static int move_by_copy(const struct mover *mover, const char *from, const char *to,
                        const struct stat *status, struct error *error)
{
    CLEANUP(buf_release) struct buf temporary = BUF_INIT;
    CLEANUP(fd_close) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (in < 0)
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", from);
    buf_printf(&temporary, "%s.importing", to);
    if (write_copy(mover, in, temporary.data, status, error) < 0)
        return -1;
    if (renameat2(AT_FDCWD, temporary.data, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
        return error_set(error, ERROR_PERMANENT, "rename %s to %s: %m", temporary.data, to);
    if (sync_directory_of(to, error) < 0)
        return -1;
    if (unlink(from) < 0)
        return error_set(error, ERROR_TEMPORARY, "remove %s: %m", from);
    return 0;
}

/* The hashed directories above a file, which may be new. */
static int make_directories(const struct mover *mover, const char *path, struct error *error)
{
    size_t start = strlen(mover->to->directory) + 1;
    struct slice text = slice_from(path);

    if (path_make_parents(path, 0700) < 0)
        return error_set(error, ERROR_TEMPORARY, "directory of %s: %m", path);
    for (size_t i = start; mover->sets_owner && i < text.len; i++) {
        struct stat status;

        if (path[i] != '/')
            continue;
        CLEANUP(mem_free_text) char *directory = slice_dup(slice_sub(text, 0, i));

        if (stat(directory, &status) < 0 ||
            (status.st_uid != mover->owner && chown(directory, mover->owner, (gid_t)-1) < 0))
            return error_set(error, ERROR_TEMPORARY, "owner of %s: %m", directory);
    }
    return 0;
}

static int move_file(const struct mover *mover, const char *from, const char *to,
                     const struct stat *status, struct error *error)
{
    if (make_directories(mover, to, error) < 0)
        return -1;
    /* The owner first: whoever looks at the new place shall be able to read it. */
    if (mover->sets_owner && status->st_uid != owner_of(mover, status) &&
        lchown(from, mover->owner, mover->group) < 0)
        return error_set(error, ERROR_TEMPORARY, "owner of %s: %m", from);
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EXDEV)
        return error_set(error, ERROR_PERMANENT, "rename %s to %s: %m", from, to);
    return move_by_copy(mover, from, to, status, error);
}

static int take_entry(struct mover *mover, const FTSENT *entry, bool is_message,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf to = BUF_INIT;

    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
        return error_set(error, ERROR_TEMPORARY, "read %s: %s", entry->fts_path,
                         strerror(entry->fts_errno));
    /* What is half copied belongs to a run that was broken off. */
    if (entry->fts_info != FTS_F || slice_ends_with(slice_from(entry->fts_path), ".importing"))
        return 0;
    progress_step(&mover->progress);
    *mover->n_messages += is_message;
    if (!mover->to)
        return 0;
    buf_printf(&to, "%s%s", mover->to->directory,
               entry->fts_path + strlen(mover->from->directory));
    return move_file(mover, entry->fts_path, to.data, entry->fts_statp, error);
}

static int take_queue(struct mover *mover, const char *queue, bool is_message,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    int result = 0;

    buf_printf(&path, "%s/%s", mover->from->directory, queue);
    char *const roots[] = {path.data, NULL};

    if (access(path.data, F_OK) < 0)
        return 0;
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;

    if (!tree)
        return error_set(error, ERROR_TEMPORARY, "read %s: %m", path.data);
    while (result == 0 && (entry = fts_read(tree)))
        result = take_entry(mover, entry, is_message, error);
    fts_close(tree);
    return result;
}

static int take_all(struct mover *mover, struct error *error)
{
    int result = 0;

    progress_begin(&mover->progress, mover->to ? "files moved" : "files counted");
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(queues); i++) {
        mover->in_maildrop = strcmp(queues[i], "maildrop") == 0;
        result = take_queue(mover, queues[i], i >= N_LOG_QUEUES, error);
    }
    progress_end(&mover->progress);
    return result;
}

int queue_count(const struct queue_place *place, int64_t *n_messages, struct error *error)
{
    struct mover mover = {.from = place, .n_messages = n_messages};

    *n_messages = 0;
    return take_all(&mover, error);
}

int queue_move_all(const struct queue_place *from, const struct queue_place *to,
                   int64_t *n_messages, struct error *error)
{
    const struct passwd *owner = getpwnam(to->mail_owner);
    struct mover mover = {.from = from, .to = to, .n_messages = n_messages};

    *n_messages = 0;
    if (geteuid() == 0 && !owner)
        return error_set(error, ERROR_PERMANENT, "mail_owner = %s: no such user",
                         to->mail_owner);
    if (geteuid() == 0) {
        mover.sets_owner = true;
        mover.owner = owner->pw_uid;
        mover.group = owner->pw_gid;
    }
    return take_all(&mover, error);
}
