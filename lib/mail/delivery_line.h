/*
 * The log line of a delivery attempt:
 * "ID: to=<R>, orig_to=<O>, relay=H[A]:P, delay=D, delays=a/b/c/d, tls=T, dsn=X.Y.Z,
 * status=sent (TEXT)"
 */
#pragma once

#include <sys/time.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mail/dsn.h"
#include "mail/message.h"

/* The instants between which the four delays lie; tv_sec 0: did not come to that. */
struct delivery_times {
    struct timeval incoming;     /* arrival */
    struct timeval active_start; /* the queue manager took it */
    struct timeval agent_start;  /* handed to the delivery agent */
    struct timeval connect_done; /* connection set up */
    struct timeval deliver_done; /* 0: now */
    int connection_reuses;       /* above 0: ", conn_use=N+1" is told */
};

struct delivery_report {
    struct slice queue_id;
    const struct recipient *recipient; /* addresses in internal form; orig_to when it differs */
    struct slice relay;                /* "mx.example.com[192.0.2.1]:25", "none", "local" */
    const struct delivery_times *times;
    const char *status; /* "sent", "deferred", "bounced", "expanded", "(un)deliverable" */
    const struct dsn *dsn;
    const char *tls_status; /* NULL: nothing to tell */
};

/* Append the line. resolution_digits is delay_logging_resolution_limit (0..6). */
void delivery_line(struct buf *buf, const struct delivery_report *report,
                   int resolution_digits);

/*
 * One delay: two significant digits, never more than resolution_digits behind the point, and
 * whole seconds from 10 on; trailing zeros are left out.
 */
void delivery_delay_format(struct buf *buf, double seconds, int resolution_digits);
