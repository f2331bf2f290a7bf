/*
 * Deliveries that leave this program: a new message through cleanup (forwarding), another
 * delivery agent (mailbox_transport, fallback_transport).
 */
#pragma once

#include "base/compiler.h"
#include "job.h"

/* Send the job's forwards as new messages: status=sent (forwarded as ID). */
MAY_WAIT void outside_forward_all(struct job *job);

/*
 * Hand the recipient over to "transport:nexthop", as it is. Its agent accounts for the
 * recipient; trouble in reaching it is accounted for here.
 */
MAY_WAIT void outside_pass(struct job *job, struct slice address, const char *transport);
