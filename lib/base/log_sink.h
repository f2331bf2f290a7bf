/*
 * The sockets behind log.c: syslogd's and postlogd's. Private to lib/base.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/log_ring.h"

enum log_sent {
    LOG_SENT,
    LOG_BUSY, /* the receiver's queue is full: try later */
    LOG_GONE  /* nobody listens */
};

/* A datagram socket that is reopened, at most once a second, when its owner was restarted. */
struct log_socket {
    const char *path;
    int fd;
    int64_t next_try; /* monotonic milliseconds */
};

/* Opened if that is possible now, or else when something is sent. */
void log_socket_open(struct log_socket *socket, const char *path);
/* Opened when something is sent. */
void log_socket_open_late(struct log_socket *socket, const char *path);
void log_socket_close(struct log_socket *socket);
MUST_USE enum log_sent log_socket_send(struct log_socket *socket, const char *data, size_t len);
/* Send the ring's bell. */
MUST_USE enum log_sent log_socket_ring(struct log_socket *socket, struct log_ring *ring);
/* Wait until it can be written to, at most that long. */
void log_socket_wait(const struct log_socket *socket, int timeout_ms);

/* The syslog(3) facility of that name, LOG_MAIL when there is none such. */
int log_facility(const char *name);
/* Facility and level in one number. */
int log_priority(int facility, enum log_level level);
