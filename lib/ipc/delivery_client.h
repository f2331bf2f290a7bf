/*
 * What the queue manager asks of a delivery agent (the agent's half is lib/delivery).
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "ipc/client.h"
#include "mail/message.h"

enum delivery_flag {
    DELIVERY_FLAG_RECORD = 2, /* trace_flags: record in the trace log */
    DELIVERY_FLAG_VERIFY = 4, /* address probe: find out, but do not deliver */
    DELIVERY_FLAG_EXPAND = 8, /* sendmail -bv: likewise; the result goes to the trace log */
    DELIVERY_FLAG_LAST = 16,  /* no more deliveries of this destination wait: close after it */
    DELIVERY_FLAG_DELAY_CLEARED = 32, /* the sender was warned of a delay: report success */
};

/*
 * Run one delivery over private/<transport>: sends the request and its recipients, waits for
 * the result. The deadline is for handing the job over; a delivery takes as long as it takes.
 * Sets request->n_recipients. service as in client_call_begin. DELIVERY_RUN_DONE with *result
 * filled (its texts lie in *storage), else with a temporary error: UNREACHABLE, nobody took the
 * request; LOST, the agent died over it and nothing is known about the recipients but what the
 * queue file's D records say.
 */
enum delivery_run { DELIVERY_RUN_DONE, DELIVERY_RUN_UNREACHABLE, DELIVERY_RUN_LOST };

struct delivery_job {
    struct delivery_request request;
    const struct recipient *recipients; /* borrowed for the call */
    size_t n_recipients;
    deadline_t deadline;
};
MUST_USE MAY_WAIT enum delivery_run delivery_run(const char *service, struct delivery_job *job,
                                                 struct delivery_result *result,
                                                 struct buf *storage, struct error *error);
