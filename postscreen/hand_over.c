/* The other end is worker_take_passed. */
#include "hand_over.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "co/co.h"
#include "load.h"
#include "net/socket.h"

/* How long smtpd may leave the connection in its queue before we stop counting it. */
#define TAKE_TIMEOUT SECONDS(100)
/* How long the queue itself may be full. */
#define SEND_TIMEOUT SECONDS(10)

static void forget_and_close(int *fd)
{
    if (*fd >= 0)
        co_forget_fd(*fd);
    fd_close(fd);
}

static void add_attribute(struct buf *out, const char *name, const char *value)
{
    buf_add_text(out, name);
    buf_add_char(out, '\0');
    buf_add_text(out, value);
    buf_add_char(out, '\0');
}

static void add_endpoint(struct buf *out, const char *address_name, const char *port_name,
                         const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_BYTES], port[8];

    add_attribute(out, address_name, endpoint_text(endpoint, text));
    snprintf(port, sizeof(port), "%u", endpoint_port(endpoint));
    add_attribute(out, port_name, port);
}

static int send_client(int service, struct session *session, struct error *error)
{
    CLEANUP(buf_release) struct buf attributes = BUF_INIT;
    const struct worker_client *connection = session->connection;

    add_endpoint(&attributes, "client_address", "client_port", &connection->peer);
    add_endpoint(&attributes, "server_address", "server_port", &connection->local);
    return socket_send_fd(service, session->stream->fd, attributes.data, attributes.len,
                          deadline_in(SEND_TIMEOUT), error);
}

int hand_over(struct session *session)
{
    struct error error;
    CLEANUP(forget_and_close)
    int service = socket_connect_unix(settings.smtpd_socket, deadline_in(SEND_TIMEOUT), &error);

    if (service < 0 || send_client(service, session, &error) < 0) {
        log_warning("cannot connect to service %s: %s", settings.smtpd_socket, error.text);
        return -1;
    }
    stream_release(session->stream);
    load_waits_for_server();
    /* smtpd closes the connection once it has taken what came with it. */
    (void)co_wait_fd(service, EPOLLIN, deadline_in(TAKE_TIMEOUT));
    load_has_server();
    return 0;
}
