/*
 * The log line of a delivery attempt:
 * "ID: to=<R>, orig_to=<O>, relay=H[A]:P, delay=D, delays=a/b/c/d, dsn=X.Y.Z, status=sent (TEXT)"
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "mail/dsn.h"
#include "mail/message.h"

#include <sys/time.h>

/* The instants between which the four delays lie; tv_sec 0: did not come to that. */
struct delivery_times {
    struct timeval incoming;     /* arrival */
    struct timeval active_start; /* the queue manager took it */
    struct timeval agent_start;  /* handed to the delivery agent */
    struct timeval connect_done; /* connection set up */
    struct timeval deliver_done;
};

/*
 * Compose the line into buf. status is "sent", "deferred", "bounced", "expanded", "deliverable",
 * "undeliverable". resolution_digits is delay_logging_resolution_limit (0..6). Addresses are
 * given in internal form and are quoted here; orig_to appears when it differs.
 */
void delivery_line(struct buf *buf, struct slice queue_id, const struct recipient *recipient,
                   struct slice relay, const struct delivery_times *times, int resolution_digits,
                   const char *status, const struct dsn *dsn);

/* One delay: two significant digits, at least 0.01, integral when large. */
void delivery_delay_format(struct buf *buf, double seconds, int resolution_digits);
