/*
 * Opening sockets: listening ones for master, outgoing ones for clients; passing descriptors.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/time.h"
#include "net/endpoint.h"

/* All return a close-on-exec, non-blocking descriptor, or -1 with *error. */

MUST_USE int socket_listen_inet(const struct endpoint *endpoint, int backlog,
                                struct error *error);
/* Replaces a stale socket at path; mode as given whatever the umask. */
MUST_USE int socket_listen_unix(const char *path, int backlog, mode_t mode,
                                struct error *error);
MUST_USE int socket_bind_unix_datagram(const char *path, mode_t mode, struct error *error);
MUST_USE int socket_open_fifo(const char *path, mode_t mode, struct error *error);

/*
 * Take the next connection of a non-blocking listener, waiting for one; in a coroutine only one
 * of the processes that share the listener is woken. *peer is where it comes from. A client
 * that is gone again is passed over; an error is ours ("accept: Too many open files").
 */
MUST_USE MAY_WAIT int socket_accept(int listener, struct endpoint *peer, deadline_t until,
                                    struct error *error);

/*
 * Connect; waits as a coroutine does. source may be NULL. Temporary errors: "Connection
 * refused", "Connection timed out", ... (the bare strerror text, so that callers compose
 * Postfix's lines).
 */
MUST_USE MAY_WAIT int socket_connect(const struct endpoint *endpoint,
                                     const struct endpoint *source, deadline_t until,
                                     struct error *error);
MUST_USE MAY_WAIT int socket_connect_unix(const char *path, deadline_t until,
                                          struct error *error);

/*
 * Buffers of that many bytes for each TCP connection made or listened for from now on, for
 * routers that scale windows badly; 0: what the system thinks best.
 */
void socket_set_window(int bytes);

/* The two ends of a connected stream socket; 0 or -1 with *error (kept temporary). */
MUST_USE int socket_local(int fd, struct endpoint *endpoint);
MUST_USE int socket_peer(int fd, struct endpoint *endpoint);

/*
 * Send one descriptor with up to 64 KiB of data (not none) over a Unix socket; it arrives with
 * the first byte, though not necessarily together with the last.
 */
MUST_USE MAY_WAIT int socket_send_fd(int socket, int fd, const void *data, size_t len,
                                     deadline_t until, struct error *error);
/* Receive; *fd is -1 when the message carried none. The count of bytes, 0 at the end, -1. */
MUST_USE MAY_WAIT ssize_t socket_receive_fd(int socket, int *fd, void *data, size_t size,
                                            deadline_t until, struct error *error);
