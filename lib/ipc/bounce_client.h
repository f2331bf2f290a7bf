/*
 * The bounce service: status logs of a message, and the notifications made of them.
 *
 * Reads the global params: bounce_service_name, defer_service_name, trace_service_name.
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "mail/message.h"
#include "mail/status_log.h"

enum bounce_log { BOUNCE_LOG_BOUNCE, BOUNCE_LOG_DEFER, BOUNCE_LOG_TRACE };

enum bounce_flush_kind {
    BOUNCE_FLUSH_BOUNCE,  /* non-delivery notification of the bounce log */
    BOUNCE_FLUSH_EXPIRED, /* non-delivery notification of the defer log: no more attempts */
    BOUNCE_FLUSH_WARN,    /* delay warning from the defer log, which stays */
    BOUNCE_FLUSH_TRACE,   /* success / verbose / probe report of the trace log */
};

/*
 * CLEAN: an append removes the log when it fails, since the caller gives up the message. VERP:
 * one notification for each recipient (the envelope has verp_delimiters). PROBE: a trace log is
 * that of sendmail -bv. ALL: a report on all that a trace log holds, not only on the recipients
 * with NOTIFY=SUCCESS.
 */
enum bounce_flag { BOUNCE_CLEAN = 1, BOUNCE_VERP = 2, BOUNCE_PROBE = 4, BOUNCE_ALL = 8 };

/* Append to a log. Temporary error: the recipient must stay in the queue. */
MUST_USE MAY_WAIT int bounce_append_entry(enum bounce_log log, struct slice queue_id,
                                          const struct status_entry *entry, unsigned flags,
                                          deadline_t until, struct error *error);

/* A notification wanted of the log of a message. */
struct bounce_notice {
    enum bounce_flush_kind kind;
    unsigned flags; /* enum bounce_flag */
    const char *queue_name;
    struct slice queue_id;
};

/* Ask for the notification. Temporary error: the log stays, ask again later. */
MUST_USE MAY_WAIT int bounce_flush_log(const struct bounce_notice *notice,
                                       const struct envelope *envelope, deadline_t until,
                                       struct error *error);
