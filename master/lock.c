/*
 * The locks that Postfix's master takes, too: two of them never run on one spool.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"
#include "master.h"

#define PID_PATH "pid/master.pid"

/* The number right-adjusted in this width, and a line end: what Postfix's tools expect. */
#define PID_WIDTH 32

static void write_pid(int fd, const char *path)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "%*lu\n", PID_WIDTH, (unsigned long)getpid());
    if (ftruncate(fd, 0) < 0 || fd_write_all(fd, text.data, text.len) < 0)
        fatal(1, "write %s: %m", path);
}

/* The descriptor stays open as long as the process lives. */
static void take(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        fatal(1, "open lock file %s: %m", path);
    if (fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY) < 0)
        fatal(1, "open lock file %s: unable to set exclusive lock: %m", path);
    write_pid(fd, path);
}

void lock_take(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;

    take(PID_PATH);
    buf_printf(&path, "%s/master.lock", params.data_directory);
    if (owner_enter(&error) < 0)
        fatal(1, "%s", error.text);
    take(path.data);
    owner_leave();
}

bool lock_is_free(void)
{
    CLEANUP(fd_close) int fd = open(PID_PATH, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT;
    return fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY) == 0;
}
