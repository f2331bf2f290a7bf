/* The updates of a queue file in place: bytes over others of the same number. */
#include <errno.h>
#include <unistd.h>

#include "mail/message.h"

static int overwrite(int fd, off_t offset, struct slice bytes)
{
    ssize_t n;

    do {
        n = pwrite(fd, bytes.ptr, bytes.len, offset);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 && (size_t)n < bytes.len) {
        errno = EIO;
        return -1;
    }
    return n < 0 ? -1 : 0;
}

int message_mark_done(int fd, off_t recipient_offset)
{
    return overwrite(fd, recipient_offset, SLICE("D"));
}

int message_clear_warning(int fd, off_t warn_offset)
{
    return overwrite(fd, warn_offset, SLICE("             -1"));
}

int message_kill_record(int fd, off_t type_offset)
{
    return overwrite(fd, type_offset, SLICE("K"));
}
