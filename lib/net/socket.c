#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "co/co.h"

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* Between two tries at a Unix socket whose queue of connections is full. */
#define FIRST_RETRY_MS 2
#define LAST_RETRY_MS  100

/* Close what is not to be returned, and the loop's memory of it. */
static int give_up(int fd)
{
    co_forget_fd(fd);
    fd_close(&fd);
    return -1;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value));
}

static int window_bytes;

void socket_set_window(int bytes)
{
    window_bytes = bytes;
}

/* Before connect and listen: the scale of windows is agreed upon with the first packets. */
static void set_window(int fd)
{
    if (window_bytes <= 0)
        return;
    (void)!set_option(fd, SOL_SOCKET, SO_SNDBUF, window_bytes);
    (void)!set_option(fd, SOL_SOCKET, SO_RCVBUF, window_bytes);
}

static int bind_and_listen(int fd, const struct endpoint *endpoint, int backlog)
{
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
        return -1;
    /* So that 0.0.0.0 and :: can both be listened to, as two sockets. */
    if (endpoint_family(endpoint) == AF_INET6 &&
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
        return -1;
    if (bind(fd, &endpoint->address.any, endpoint->len) < 0)
        return -1;
    set_window(fd);
    return listen(fd, backlog);
}

int socket_listen_inet(const struct endpoint *endpoint, int backlog, struct error *error)
{
    char text[ENDPOINT_TEXT_BYTES];
    int fd = socket(endpoint_family(endpoint), SOCK_STREAM | SOCKET_FLAGS, 0);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "socket: %m");
    if (bind_and_listen(fd, endpoint, backlog) < 0) {
        error_set(error, ERROR_TEMPORARY, "bind %s port %u: %m", endpoint_text(endpoint, text),
                  endpoint_port(endpoint));
        return give_up(fd);
    }
    return fd;
}

static int unix_address(struct sockaddr_un *address, const char *path, struct error *error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address->sun_path))
        return error_set(error, ERROR_PERMANENT, "path is longer than %zu bytes",
                         sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

/* Remove what an earlier process left at the path, if it is what we would put there. */
static int remove_stale(const char *path, mode_t type, struct error *error)
{
    struct stat found;

    if (lstat(path, &found) < 0)
        return errno == ENOENT ? 0 : error_set(error, ERROR_TEMPORARY, "stat %s: %m", path);
    if ((found.st_mode & S_IFMT) != type)
        return error_set(error, ERROR_PERMANENT, "%s: exists and is something else", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(error, ERROR_TEMPORARY, "remove %s: %m", path);
    return 0;
}

static int bind_unix(int type, const char *path, mode_t mode, struct error *error)
{
    struct sockaddr_un address;

    if (unix_address(&address, path, error) < 0)
        return error_context(error, "bind %s", path);
    if (remove_stale(path, S_IFSOCK, error) < 0)
        return -1;
    int fd = socket(AF_UNIX, type | SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "socket: %m");
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        error_set(error, ERROR_TEMPORARY, "bind %s: %m", path);
        return give_up(fd);
    }
    if (chmod(path, mode) < 0) {
        error_set(error, ERROR_TEMPORARY, "set mode of %s: %m", path);
        return give_up(fd);
    }
    return fd;
}

int socket_listen_unix(const char *path, int backlog, mode_t mode, struct error *error)
{
    int fd = bind_unix(SOCK_STREAM, path, mode, error);

    if (fd >= 0 && listen(fd, backlog) < 0) {
        error_set(error, ERROR_TEMPORARY, "listen %s: %m", path);
        return give_up(fd);
    }
    return fd;
}

int socket_bind_unix_datagram(const char *path, mode_t mode, struct error *error)
{
    return bind_unix(SOCK_DGRAM, path, mode, error);
}

int socket_open_fifo(const char *path, mode_t mode, struct error *error)
{
    if (remove_stale(path, S_IFIFO, error) < 0)
        return -1;
    if (mkfifo(path, mode) < 0)
        return error_set(error, ERROR_TEMPORARY, "create fifo %s: %m", path);
    /* For writing too: so it never comes to an end when the last writer goes. */
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "open fifo %s: %m", path);
    if (fchmod(fd, mode) < 0) {
        error_set(error, ERROR_TEMPORARY, "set mode of %s: %m", path);
        return give_up(fd);
    }
    return fd;
}

/* A new connection that is gone again, or whose network failed meanwhile: see accept(2). */
static bool concerns_one_client(int error_number)
{
    switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* The error of a wait that did not end well. */
static int wait_error(enum wake wake, struct error *error)
{
    errno = wake == WAKE_TIMEOUT ? ETIMEDOUT : ECANCELED;
    return error_set(error, ERROR_TEMPORARY, "%m");
}

int socket_accept(int listener, struct endpoint *peer, deadline_t until, struct error *error)
{
    for (;;) {
        struct endpoint from = {.len = sizeof(from.address)};
        int fd = accept4(listener, &from.address.any, &from.len, SOCKET_FLAGS);

        if (fd >= 0) {
            *peer = from;
            return fd;
        }
        if (concerns_one_client(errno))
            continue;
        if (errno != EAGAIN)
            return error_set(error, ERROR_TEMPORARY, "accept: %m");
        enum wake wake = co_wait_fd(listener, EPOLLIN | EPOLLEXCLUSIVE, until);
        if (wake != WAKE_READY)
            return wait_error(wake, error);
    }
}

/* Wait until connect(2), which said EINPROGRESS, has come to its end. */
static int finish_connect(int fd, deadline_t until, struct error *error)
{
    int result = 0;
    socklen_t len = sizeof(result);
    enum wake wake = co_wait_drained(fd, EPOLLOUT, until);

    if (wake != WAKE_READY)
        return wait_error(wake, error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) == 0)
        errno = result;
    return errno ? error_set(error, ERROR_TEMPORARY, "%m") : 0;
}

static int connect_from(int fd, const struct endpoint *endpoint, const struct endpoint *source,
                        deadline_t until, struct error *error)
{
    if (source && bind(fd, &source->address.any, source->len) < 0)
        return error_set(error, ERROR_TEMPORARY, "%m");
    if (connect(fd, &endpoint->address.any, endpoint->len) == 0)
        return 0;
    /* Interrupted, it goes on by itself (POSIX). */
    if (errno == EINPROGRESS || errno == EINTR)
        return finish_connect(fd, until, error);
    return error_set(error, ERROR_TEMPORARY, "%m");
}

int socket_connect(const struct endpoint *endpoint, const struct endpoint *source,
                   deadline_t until, struct error *error)
{
    int fd = socket(endpoint_family(endpoint), SOCK_STREAM | SOCKET_FLAGS, 0);

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "%m");
    set_window(fd);
    if (connect_from(fd, endpoint, source, until, error) < 0)
        return give_up(fd);
    return fd;
}

/*
 * A Unix socket says EAGAIN when the listener's queue is full, and no event tells when there is
 * room again.
 */
static int connect_patiently(int fd, const struct sockaddr_un *address, deadline_t until,
                             struct error *error)
{
    int64_t pause_ms = FIRST_RETRY_MS;

    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        if (errno == EISCONN)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return error_set(error, ERROR_TEMPORARY, "%m");
        if (deadline_poll_ms(until) == 0)
            return wait_error(WAKE_TIMEOUT, error);
        deadline_t again = deadline_in(pause_ms);
        if (co_sleep_until(again < until ? again : until) == WAKE_CANCELLED)
            return wait_error(WAKE_CANCELLED, error);
        pause_ms = pause_ms * 2 < LAST_RETRY_MS ? pause_ms * 2 : LAST_RETRY_MS;
    }
    return 0;
}

int socket_connect_unix(const char *path, deadline_t until, struct error *error)
{
    struct sockaddr_un address;

    if (unix_address(&address, path, error) < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCKET_FLAGS, 0);
    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "%m");
    if (connect_patiently(fd, &address, until, error) < 0)
        return give_up(fd);
    return fd;
}

int socket_local(int fd, struct endpoint *endpoint)
{
    struct endpoint found = {.len = sizeof(found.address)};

    if (getsockname(fd, &found.address.any, &found.len) < 0)
        return -1;
    *endpoint = found;
    return 0;
}

int socket_peer(int fd, struct endpoint *endpoint)
{
    struct endpoint found = {.len = sizeof(found.address)};

    if (getpeername(fd, &found.address.any, &found.len) < 0)
        return -1;
    *endpoint = found;
    return 0;
}
