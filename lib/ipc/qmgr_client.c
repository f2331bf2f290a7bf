/* One kept connection to the queue manager, over which new queue IDs go without waiting. */
#include "ipc/qmgr_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "mail/queue_id.h"

/*
 * Room for about a hundred announcements: with so many unread, the queue manager has no room
 * for more mail, and has had none for a while.
 */
#define SEND_BUFFER_BYTES (32 * 1024)

static int qmgr_fd = -1;
static bool is_behind;

bool qmgr_is_behind(void)
{
    return is_behind;
}

static void connect_qmgr(const char *service)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(service);

    if (len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, service, len + 1);
    qmgr_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (qmgr_fd < 0)
        return;
    int bytes = SEND_BUFFER_BYTES;

    /* With the usual size we would merely notice later. */
    (void)!setsockopt(qmgr_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (connect(qmgr_fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return;
    fd_close(&qmgr_fd);
    /* A master.cf of old has the queue manager behind a fifo. */
    qmgr_fd = open(service, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

/* False when the connection is of no use any more. */
static bool send_line(const char *line, size_t len)
{
    ssize_t sent = write(qmgr_fd, line, len); /* SIGPIPE is ignored in every worker */

    is_behind = sent < 0 && errno == EAGAIN;
    if (sent == (ssize_t)len)
        return true;
    /* A full socket: the next scan of incoming finds the message. A line sent in part would
     * garble the next one, so that connection ends. */
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    fd_close(&qmgr_fd);
    return sent >= 0;
}

void qmgr_announce(const char *service, struct slice queue_id)
{
    char line[QUEUE_ID_BYTES + 3];
    size_t len = 0;

    if (queue_id.len > QUEUE_ID_BYTES)
        return;
    if (is_behind)
        line[len++] = 'I'; /* the ones that could not be sent are there to be found */
    line[len++] = 'N';
    memcpy(line + len, queue_id.ptr, queue_id.len);
    len += queue_id.len;
    line[len++] = '\n';
    for (int attempt = 0; attempt < 2; attempt++) {
        if (qmgr_fd < 0)
            connect_qmgr(service);
        if (qmgr_fd < 0 || send_line(line, len))
            return;
    }
}
