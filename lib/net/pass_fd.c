/*
 * Passing descriptors over Unix sockets (socket_send_fd, socket_receive_fd).
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "co/co.h"
#include "net/socket.h"

/* The control part of a message that carries one descriptor. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int wait_until(int fd, unsigned events, deadline_t until, struct error *error)
{
    switch (co_wait_drained(fd, events, until)) {
    case WAKE_READY:
        return 0;
    case WAKE_TIMEOUT:
        errno = ETIMEDOUT;
        break;
    case WAKE_CANCELLED:
    default:
        errno = ECANCELED;
        break;
    }
    return error_set(error, ERROR_TEMPORARY, "%m");
}

static void put_fd(struct msghdr *message, union control *control, int fd)
{
    *control = (union control){0};
    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof(fd));
}

/* The bytes sent, or -1. */
static ssize_t send_message(int socket, struct msghdr *message, deadline_t until,
                            struct error *error)
{
    for (;;) {
        ssize_t sent = sendmsg(socket, message, MSG_NOSIGNAL);

        if (sent >= 0)
            return sent;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return error_set(error, ERROR_TEMPORARY, "%m");
        if (wait_until(socket, EPOLLOUT, until, error) < 0)
            return -1;
    }
}

int socket_send_fd(int socket, int fd, const void *data, size_t len, deadline_t until,
                   struct error *error)
{
    union control control;
    struct iovec part = {.iov_len = 0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    const char *rest = data;

    if (len == 0)
        return error_set(error, ERROR_PERMANENT, "a descriptor needs data to travel with");
    put_fd(&message, &control, fd);
    co_share_fd(fd);
    while (len) {
        /* iov_base is not const although sendmsg only reads. */
        memcpy(&part.iov_base, &rest, sizeof(rest));
        part.iov_len = len;
        ssize_t sent = send_message(socket, &message, until, error);
        if (sent < 0)
            return -1;
        rest += sent;
        len -= (size_t)sent;
        message.msg_control = NULL; /* it went with the first byte */
        message.msg_controllen = 0;
    }
    return 0;
}

/* Take the first descriptor of the message and close those that nobody asked for. */
static int take_fd(struct msghdr *message)
{
    int taken = -1;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (taken < 0)
                taken = fd;
            else
                fd_close(&fd);
        }
    }
    return taken;
}

ssize_t socket_receive_fd(int socket, int *fd, void *data, size_t size, deadline_t until,
                          struct error *error)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};

    for (;;) {
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

        if (got >= 0) {
            *fd = take_fd(&message);
            return got;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return error_set(error, ERROR_TEMPORARY, "%m");
        if (wait_until(socket, EPOLLIN, until, error) < 0)
            return -1;
    }
}
