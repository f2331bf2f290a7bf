#include "base/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "base/fd.h"
#include "base/time.h"

static int connect_datagram(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        fd_close(&fd);
    return fd;
}

static void try_open(struct log_socket *log_socket)
{
    int64_t now = time_now_ms();

    if (!log_socket->path || now < log_socket->next_try)
        return;
    log_socket->next_try = now + SECONDS(1);
    log_socket->fd = connect_datagram(log_socket->path);
}

void log_socket_open_late(struct log_socket *log_socket, const char *path)
{
    *log_socket = (struct log_socket){.path = path, .fd = -1};
}

void log_socket_open(struct log_socket *log_socket, const char *path)
{
    log_socket_open_late(log_socket, path);
    try_open(log_socket);
}

void log_socket_close(struct log_socket *log_socket)
{
    fd_close(&log_socket->fd);
    log_socket->path = NULL;
}

static enum log_sent judge(struct log_socket *log_socket, bool is_sent)
{
    if (is_sent)
        return LOG_SENT;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == ETOOMANYREFS)
        return LOG_BUSY;
    fd_close(&log_socket->fd);
    return LOG_GONE;
}

static enum log_sent send_once(struct log_socket *log_socket, const char *data, size_t len)
{
    ssize_t sent;

    do
        sent = send(log_socket->fd, data, len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return judge(log_socket, sent >= 0);
}

enum log_sent log_socket_send(struct log_socket *log_socket, const char *data, size_t len)
{
    if (log_socket->fd >= 0) {
        enum log_sent sent = send_once(log_socket, data, len);

        if (sent != LOG_GONE)
            return sent;
    }
    /* Its owner may have been restarted, with a new socket at the same path. */
    try_open(log_socket);
    return log_socket->fd >= 0 ? send_once(log_socket, data, len) : LOG_GONE;
}

enum log_sent log_socket_ring(struct log_socket *log_socket, struct log_ring *ring)
{
    if (log_socket->fd >= 0) {
        enum log_sent sent = judge(log_socket, log_ring_ring_bell(ring, log_socket->fd) == 0);

        if (sent != LOG_GONE)
            return sent;
    }
    try_open(log_socket);
    return log_socket->fd >= 0
               ? judge(log_socket, log_ring_ring_bell(ring, log_socket->fd) == 0)
               : LOG_GONE;
}

void log_socket_wait(const struct log_socket *log_socket, int timeout_ms)
{
    struct pollfd wanted = {.fd = log_socket->fd, .events = POLLOUT};

    /* Woken early or not: the caller sends again and watches the clock. */
    (void)poll(&wanted, 1, timeout_ms);
}

static const struct {
    const char *name;
    int facility;
} facilities[] = {
    {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
    {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"kern", LOG_KERN},
    {"lpr", LOG_LPR},       {"mail", LOG_MAIL},         {"news", LOG_NEWS},
    {"syslog", LOG_SYSLOG}, {"user", LOG_USER},         {"uucp", LOG_UUCP},
    {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
};

int log_facility(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(facilities); i++) {
        if (strcmp(facilities[i].name, name) == 0)
            return facilities[i].facility;
    }
    return LOG_MAIL;
}

int log_priority(int facility, enum log_level level)
{
    static const int priorities[] = {
        [LOG_LEVEL_INFO] = LOG_INFO,  [LOG_LEVEL_WARNING] = LOG_WARNING,
        [LOG_LEVEL_ERROR] = LOG_ERR,  [LOG_LEVEL_FATAL] = LOG_CRIT,
        [LOG_LEVEL_PANIC] = LOG_CRIT,
    };

    return facility | priorities[level];
}
