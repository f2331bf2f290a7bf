#include "delivery/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"

struct file {
    int fd;
    struct buf tmp, new; /* paths */
};

/*
 * The Maildir and its three folders, with the directories above. tmp comes last: where it is,
 * the others are, also when we are stopped in between.
 */
static int make_folders(const char *path)
{
    static const char *const folders[] = {"", "/cur", "/new", "/tmp"};
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        buf_reset(&name);
        buf_printf(&name, "%s%s", path, folders[i]);
        if (i == 0 && path_make_parents(name.data, 0700) < 0)
            return -1;
        if (mkdir(name.data, 0700) < 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

/* tmp/TIME.PPID.HOST: one delivery at a time in a process makes that unique. */
static int create(struct file *file, const struct maildir *maildir, const char *folder)
{
    struct timeval now = time_wall();
    struct stat status;

    buf_printf(&file->tmp, "%s/tmp/%" PRId64 ".P%ld.%s", folder, (int64_t)now.tv_sec,
               (long)getpid(), maildir->hostname);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    file->fd = open(file->tmp.data, flags, 0600);
    if (file->fd < 0 && errno == ENOENT && make_folders(folder) == 0)
        file->fd = open(file->tmp.data, flags, 0600);
    if (file->fd < 0 && errno == EEXIST && unlink(file->tmp.data) == 0)
        file->fd = open(file->tmp.data, flags, 0600); /* left by a killed process of our pid */
    if (file->fd < 0 || fstat(file->fd, &status) < 0)
        return -1;
    buf_printf(&file->new, "%s/new/%" PRId64 ".V%lxI%lxM%" PRId64 ".%s", folder,
               (int64_t)now.tv_sec, (unsigned long)status.st_dev, (unsigned long)status.st_ino,
               (int64_t)now.tv_usec, maildir->hostname);
    return 0;
}

static int fail(struct delivery *delivery, struct dsn *dsn, const char *status,
                const char *text)
{
    delivery_dsn(delivery, dsn, status, "maildir delivery failed: %s", text);
    return -1;
}

static int fail_errno(const struct mail_copy *copy, struct delivery *delivery, struct dsn *dsn,
                      const char *what, const char *path)
{
    struct error error;
    int saved = errno;

    error_set(&error, ERROR_TEMPORARY, "%s %s: %m", what, path);
    if (saved == EACCES) {
        log_warning("maildir access problem for UID/GID=%ld/%ld: %s", (long)geteuid(),
                    (long)getegid(), error.text);
        log_warning("perhaps you need to create the maildirs in advance");
    }
    return fail(delivery, dsn, mail_copy_status(copy, saved), error.text);
}

/* Somebody may have taken new away. */
static int move_to_new(const struct file *file, const char *folder)
{
    if (rename(file->tmp.data, file->new.data) == 0)
        return 0;
    return errno == ENOENT && make_folders(folder) == 0 ? rename(file->tmp.data, file->new.data)
                                                        : -1;
}

static int write_file(struct file *file, const char *folder, const struct maildir *maildir,
                      const struct mail_copy *copy, struct delivery *delivery, struct dsn *dsn)
{
    struct mail_copy limited = *copy;
    struct error error;
    int write_errno;

    limited.room = maildir->limit_bytes;
    if (mail_copy_write(&limited, file->fd, &write_errno, &error) < 0)
        return fail(delivery, dsn, mail_copy_status(copy, write_errno), error.text);
    if (fsync(file->fd) < 0)
        return fail_errno(copy, delivery, dsn, "sync", file->tmp.data);
    if (move_to_new(file, folder) < 0)
        return fail_errno(copy, delivery, dsn, "rename", file->tmp.data);
    return 0;
}

static int deliver_as_user(const struct maildir *maildir, const struct mail_copy *copy,
                           struct delivery *delivery, struct dsn *dsn)
{
    struct file file = {.fd = -1, .tmp = BUF_INIT, .new = BUF_INIT};
    CLEANUP(buf_release) struct buf folder = BUF_INIT;
    int result;

    buf_set_text(&folder, maildir->path);
    while (folder.len > 1 && folder.data[folder.len - 1] == '/')
        buf_truncate(&folder, folder.len - 1);
    if (create(&file, maildir, folder.data) < 0)
        result = fail_errno(copy, delivery, dsn, "create maildir file", file.tmp.data);
    else
        result = write_file(&file, folder.data, maildir, copy, delivery, dsn);
    if (result < 0 && file.fd >= 0 && unlink(file.tmp.data) < 0 && errno != ENOENT)
        log_warning("remove %s: %m", file.tmp.data);
    fd_close(&file.fd);
    buf_release(&file.tmp);
    buf_release(&file.new);
    return result;
}

int maildir_deliver(const struct maildir *maildir, const struct mail_copy *copy,
                    struct delivery *delivery, struct dsn *dsn)
{
    struct error error;

    if (user_become(&maildir->user, &error) < 0)
        return fail(delivery, dsn, "4.3.0", error.text);
    int result = deliver_as_user(maildir, copy, delivery, dsn);
    user_return();
    if (result == 0)
        delivery_dsn(delivery, dsn, "2.0.0", "delivered to maildir");
    return result;
}
