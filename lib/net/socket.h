/*
 * Opening sockets: listening ones for master, outgoing ones for clients; passing descriptors.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "net/endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

/* All return a close-on-exec, non-blocking descriptor, or -1 with *error. */

MUST_USE int socket_listen_inet(const struct endpoint *endpoint, int backlog, struct error *error);
/* Replaces a stale socket at path; mode as given whatever the umask. */
MUST_USE int socket_listen_unix(const char *path, int backlog, mode_t mode, struct error *error);
MUST_USE int socket_bind_unix_datagram(const char *path, mode_t mode, struct error *error);
MUST_USE int socket_open_fifo(const char *path, mode_t mode, struct error *error);

/*
 * Connect; waits as a coroutine does. source may be NULL. Temporary errors: "Connection refused",
 * "Connection timed out", ... (the bare strerror text, so that callers compose Postfix's lines).
 */
MUST_USE MAY_WAIT int socket_connect(const struct endpoint *endpoint, const struct endpoint *source,
                                     deadline_t until, struct error *error);
MUST_USE MAY_WAIT int socket_connect_unix(const char *path, deadline_t until, struct error *error);

/* The two ends of a connected stream socket; 0 or -1 with *error (kept temporary). */
MUST_USE int socket_local(int fd, struct endpoint *endpoint);
MUST_USE int socket_peer(int fd, struct endpoint *endpoint);

/* Send one descriptor with up to 64 KiB of data in one message over a Unix socket. */
MUST_USE MAY_WAIT int socket_send_fd(int socket, int fd, const void *data, size_t len,
                                     deadline_t until, struct error *error);
/* Receive; *fd is -1 when the message carried none. The count of bytes, 0 at the end, -1. */
MUST_USE MAY_WAIT ssize_t socket_receive_fd(int socket, int *fd, void *data, size_t size,
                                            deadline_t until, struct error *error);
