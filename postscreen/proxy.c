/* Reading the PROXY header out of the socket. */
#include "proxy.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "net/proxy_protocol.h"

static int wait_for_bytes(int fd, deadline_t until, struct error *error)
{
    switch (co_wait_fd(fd, EPOLLIN, until)) {
    case WAKE_READY:
        return 0;
    case WAKE_TIMEOUT:
        return error_set(error, ERROR_TEMPORARY, "time limit exceeded");
    case WAKE_CANCELLED:
        break;
    }
    return error_set(error, ERROR_TEMPORARY, "cancelled");
}

/* Look at what is there behind the bytes that have been taken out of the socket. */
static int peek(int fd, struct buf *bytes, struct error *error)
{
    char *room = buf_reserve(bytes, PROXY_HEADER_MOST_BYTES);
    ssize_t len = recv(fd, room, PROXY_HEADER_MOST_BYTES - bytes->len, MSG_PEEK | MSG_DONTWAIT);

    if (len > 0) {
        bytes->len += (size_t)len;
        bytes->data[bytes->len] = '\0';
        return 0;
    }
    if (len == 0)
        return error_set(error, ERROR_TEMPORARY, "EOF");
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return error_set(error, ERROR_TEMPORARY, "%m");
}

static int take(int fd, size_t len, struct error *error)
{
    char bytes[512];

    while (len) {
        ssize_t got = recv(fd, bytes, len < sizeof(bytes) ? len : sizeof(bytes), MSG_DONTWAIT);

        if (got <= 0)
            return error_set(error, ERROR_TEMPORARY, "EOF");
        len -= (size_t)got;
    }
    return 0;
}

/* Until all of the header is there, all that is there is header. */
static int read_header(int fd, struct proxy_header *header, struct error *error)
{
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    deadline_t until = deadline_in(params.postscreen_upstream_proxy_timeout);
    size_t taken = 0;

    while (bytes.len < PROXY_HEADER_MOST_BYTES) {
        if (wait_for_bytes(fd, until, error) < 0 || peek(fd, &bytes, error) < 0)
            return -1;
        switch (proxy_header_parse(header, buf_slice(&bytes), error)) {
        case PROXY_OK:
            return take(fd, header->len - taken, error);
        case PROXY_BAD:
            return -1;
        case PROXY_NEED_MORE:
            if (take(fd, bytes.len - taken, error) < 0)
                return -1;
            taken = bytes.len;
        }
    }
    return error_set(error, ERROR_PERMANENT, "too long protocol header");
}

int proxy_identify(struct worker_client *connection)
{
    struct proxy_header header;
    struct error error;

    if (read_header(connection->stream.fd, &header, &error) < 0) {
        log_warning("haproxy read: %s", error.text);
        return -1;
    }
    if (header.has_addresses) {
        connection->peer = header.client;
        connection->local = header.server;
    }
    return 0;
}
