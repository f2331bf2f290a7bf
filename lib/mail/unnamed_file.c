#include "mail/unnamed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"

/* What has been found to be impossible here. */
static bool are_impossible, cannot_link_descriptor;

static bool is_for_ever(int failure)
{
    return failure == EOPNOTSUPP || failure == EISDIR || failure == EINVAL ||
           failure == ENOENT || failure == EACCES;
}

int unnamed_file_open(mode_t mode)
{
    static unsigned turn;
    char path[sizeof("staging/0")] = "staging/0";

    if (are_impossible) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (turn == 0)
        turn = (unsigned)getpid(); /* processes that start together take different ones */
    path[sizeof(path) - 2] = (char)('0' + turn++ % STAGING_DIRECTORIES);
    int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);

    if (fd < 0)
        are_impossible = is_for_ever(errno);
    return fd;
}

void unnamed_file_forgo(void)
{
    are_impossible = true;
}

/* With the descriptor's name below /proc, which a jail hides. */
static int link_by_name(int fd, const char *path)
{
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    buf_printf(&name, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, name.data, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

int unnamed_file_link(int fd, const char *path)
{
    /* Before Linux 6.10 this needs CAP_DAC_READ_SEARCH, and says ENOENT without it. */
    if (!cannot_link_descriptor) {
        if (linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
            return 0;
        if (errno == EEXIST)
            return -1;
    }
    int result = link_by_name(fd, path);

    if (result == 0)
        cannot_link_descriptor = true;
    return result;
}
