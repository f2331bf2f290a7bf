/*
 * Probes: messages without content that are delivered to nobody. The delivery agent that would
 * have to deliver one tells us how that would have gone.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/*
 * Queue one; in the background. Trouble is logged: who waits for the result asks again. False:
 * none is under way, since address_verify_pending_request_limit of them wait for the cleanup
 * service already.
 */
bool probe_send(struct slice address);
