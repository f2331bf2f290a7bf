#include "delivery/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "co/co.h"

int mbox_parse_locks(const char *text, unsigned *locks, struct error *error)
{
    static const struct {
        const char *name;
        enum mbox_lock lock;
    } known[] = {
        {"fcntl", MBOX_LOCK_FCNTL}, {"flock", MBOX_LOCK_FLOCK}, {"dotlock", MBOX_LOCK_DOTLOCK}};
    struct slice rest = slice_from(text), word;
    unsigned found = 0;

    while ((word = slice_word(&rest, ", \t\r\n")).ptr) {
        unsigned bit = 0;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            if (slice_equals(word, known[i].name))
                bit = known[i].lock;
        if (!bit)
            return error_set(error, ERROR_PERMANENT,
                             "unknown mailbox_delivery_lock value \"%.*s\" in \"%s\"",
                             SLICE_ARG(word), text);
        found |= bit;
    }
    *locks = found;
    return 0;
}

static int fail(char status[DSN_STATUS_BYTES], const char *code)
{
    memcpy(status, code, strlen(code) + 1);
    return -1;
}

/* -- dotlock
 * ------------------------------------------------------------------------------------ */

/* True when a stale lock was removed. */
static bool remove_stale(const struct mbox *mbox, const char *lock)
{
    struct stat status;

    return stat(lock, &status) == 0 &&
           SECONDS(time_wall_seconds() - status.st_ctime) > mbox->stale_lock_time &&
           unlink(lock) == 0;
}

static int make_dotlock(const struct mbox *mbox, const char *lock, struct error *error)
{
    for (int attempt = 1;; attempt++) {
        CLEANUP(fd_close) int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
        if (fd >= 0)
            return 0;
        if (errno != EEXIST || attempt >= mbox->lock_attempts)
            return error_set(error, ERROR_TEMPORARY, "unable to create lock file %s: %m", lock);
        if (!remove_stale(mbox, lock) &&
            co_sleep_until(deadline_in(mbox->lock_delay)) == WAKE_CANCELLED)
            return error_set(error, ERROR_TEMPORARY, "waiting for lock file %s: interrupted",
                             lock);
    }
}

/* -- the file
 * -------------------------------------------------------------------------------------- */

static int lock_file(const struct mbox *mbox, int fd, struct error *error)
{
    for (int attempt = 1;; attempt++) {
        bool locked = true;
        if (mbox->locks & MBOX_LOCK_FLOCK)
            locked = fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY) == 0;
        if (locked && (mbox->locks & MBOX_LOCK_FCNTL))
            locked = fd_fcntl_lock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY) == 0;
        if (locked)
            return 0;
        if (attempt >= mbox->lock_attempts)
            return error_set(error, ERROR_TEMPORARY, "unable to lock for exclusive access: %m");
        /* Closing would lose what was locked: let go before the next try. */
        if ((mbox->locks & MBOX_LOCK_FLOCK) && fd_flock(fd, FILE_LOCK_NONE, FILE_LOCK_TRY) < 0)
            return error_set(error, ERROR_TEMPORARY, "unlock: %m");
        if (co_sleep_until(deadline_in(mbox->lock_delay)) == WAKE_CANCELLED)
            return error_set(error, ERROR_TEMPORARY, "waiting for the lock: interrupted");
    }
}

/* No links that lead elsewhere, no second names: the file shall be what the path says. */
static int open_file(const struct mbox *mbox, struct stat *status, struct error *error)
{
    int fd = open(mbox->path,
                  O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

    if (fd < 0) {
        int saved = errno;
        bool is_new = lstat(mbox->path, status) < 0 && errno == ENOENT;

        errno = saved;
        if (saved == ELOOP)
            error_set(error, ERROR_TEMPORARY, "file is a symbolic link");
        else
            error_set(error, ERROR_TEMPORARY, "cannot %s: %m",
                      is_new ? "create file exclusively" : "open file");
        errno = saved;
        return -1;
    }
    if (fstat(fd, status) < 0)
        error_set(error, ERROR_TEMPORARY, "fstat: %m");
    else if (!S_ISREG(status->st_mode) && !(mbox->may_be_special && S_ISCHR(status->st_mode)))
        error_set(error, ERROR_TEMPORARY, "not a regular file");
    else if (S_ISREG(status->st_mode) && status->st_nlink != 1)
        error_set(error, ERROR_TEMPORARY, "file has %ld hard links", (long)status->st_nlink);
    else
        return fd;
    fd_close(&fd);
    errno = EPERM;
    return -1;
}

static int write_message(const struct mbox *mbox, const struct mail_copy *copy, int fd,
                         const struct stat *before, char status[DSN_STATUS_BYTES],
                         struct error *error)
{
    struct mail_copy limited = *copy;
    int write_errno;

    limited.room = mbox->limit_bytes > 0 ? mbox->limit_bytes - before->st_size : 0;
    if (mbox->limit_bytes > 0 && limited.room <= 0) {
        errno = EFBIG;
        error_set(error, ERROR_PERMANENT, "error writing message: %m");
        return fail(status, "5.2.2");
    }
    if (mail_copy_write(&limited, fd, &write_errno, error) < 0)
        return fail(status, mail_copy_status(copy, write_errno));
    if (S_ISREG(before->st_mode) && fsync(fd) < 0) {
        int saved = errno;
        error_set(error, ERROR_TEMPORARY, "sync: %m");
        return fail(status, mail_copy_status(copy, saved));
    }
    return 0;
}

/* errno tells why after -1. */
static int take_file_lock(const struct mbox *mbox, struct mbox_lock_held *held,
                          struct error *error)
{
    struct stat status;

    held->fd = open_file(mbox, &status, error);
    if (held->fd < 0)
        return -1;
    if (mbox->file_owner.uid != (uid_t)-1 && status.st_size == 0 && S_ISREG(status.st_mode) &&
        status.st_uid != mbox->file_owner.uid && user_can_change() &&
        fchown(held->fd, mbox->file_owner.uid, (gid_t)-1) < 0)
        log_warning("fchown %s: %m", mbox->path);
    if (mbox->must_own && S_ISREG(status.st_mode) && user_can_change() && status.st_size > 0 &&
        status.st_uid != mbox->file_owner.uid)
        error_set(error, ERROR_TEMPORARY, "destination %s is not owned by recipient",
                  mbox->path);
    else if (!S_ISREG(status.st_mode) || lock_file(mbox, held->fd, error) == 0)
        return 0;
    fd_close(&held->fd);
    errno = EAGAIN;
    return -1;
}

/* A device needs no lock file, and its directory would take none. */
static bool needs_dotlock(const struct mbox *mbox)
{
    struct stat file;

    return (mbox->locks & MBOX_LOCK_DOTLOCK) &&
           !(mbox->may_be_special && stat(mbox->path, &file) == 0 && !S_ISREG(file.st_mode));
}

int mbox_lock_take(const struct mbox *mbox, struct mbox_lock_held *held, struct error *error)
{
    *held = (struct mbox_lock_held){.fd = -1, .dotlock = BUF_INIT};
    if (needs_dotlock(mbox)) {
        buf_printf(&held->dotlock, "%s.lock", mbox->path);
        if (make_dotlock(mbox, held->dotlock.data, error) < 0) {
            bool is_refused = errno == EACCES || errno == ENOENT;

            buf_release(&held->dotlock);
            if (!mbox->may_be_special || !is_refused) {
                errno = EAGAIN;
                return -1;
            }
            log_warning("%s", error->text); /* opening the file will tell */
        }
    }
    if (take_file_lock(mbox, held, error) == 0)
        return 0;
    int saved = errno;
    mbox_lock_release(held);
    errno = saved;
    return -1;
}

void mbox_lock_release(struct mbox_lock_held *held)
{
    fd_close(&held->fd);
    if (held->dotlock.len > 0 && unlink(held->dotlock.data) < 0)
        log_warning("remove %s: %m", held->dotlock.data);
    buf_release(&held->dotlock);
}

static int append_as_user(const struct mbox *mbox, const struct mail_copy *copy,
                          char status[DSN_STATUS_BYTES], struct error *error)
{
    struct mbox_lock_held held;
    struct stat before;
    int result;

    if (mbox_lock_take(mbox, &held, error) < 0)
        return fail(status, mail_copy_status(copy, errno));
    if (fstat(held.fd, &before) < 0) {
        error_set(error, ERROR_TEMPORARY, "fstat: %m");
        result = fail(status, "4.3.0");
    } else {
        result = write_message(mbox, copy, held.fd, &before, status, error);
        if (result < 0 && S_ISREG(before.st_mode) && ftruncate(held.fd, before.st_size) < 0)
            log_warning("truncate %s: %m", mbox->path);
    }
    mbox_lock_release(&held);
    return result;
}

int mbox_append(const struct mbox *mbox, const struct mail_copy *copy,
                char status[DSN_STATUS_BYTES], struct error *error)
{
    if (user_become(&mbox->user, error) < 0)
        return fail(status, "4.3.0");
    int result = append_as_user(mbox, copy, status, error);
    user_return();
    return result;
}
