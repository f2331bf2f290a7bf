/*
 * What the queue manager asks of a delivery agent (the agent's half is lib/delivery).
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "ipc/client.h"
#include "mail/message.h"

enum delivery_flag {
    DELIVERY_FLAG_BOUNCE = 1,   /* bounce instead of defer: the message has expired */
    DELIVERY_FLAG_RECORD = 2,   /* trace_flags: record in the trace log */
    DELIVERY_FLAG_VERIFY = 4,   /* address probe: do not deliver */
    DELIVERY_FLAG_EXPAND = 8,   /* sendmail -bv */
    DELIVERY_FLAG_LAST = 16,    /* no more deliveries of this destination wait: close after it */
};

/*
 * Run one delivery over private/<transport>: sends the request and its recipients, waits for
 * the result (no time limit but `until`). 0 with *result filled (its texts lie in *storage), -1
 * with a temporary error when the agent died or could not be reached: nothing is known about
 * the recipients but what the queue file's D records say.
 */
MUST_USE MAY_WAIT int delivery_run(const char *service, struct delivery_request *request,
                                   const struct recipient_list *recipients, deadline_t until,
                                   struct delivery_result *result, struct buf *storage,
                                   struct error *error);
