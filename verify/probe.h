/*
 * Probes: messages without content that are delivered to nobody. The delivery agent that would
 * have to deliver one tells us how that would have gone.
 */
#pragma once

#include "base/slice.h"

/* Queue one; in the background. Trouble is logged: who waits for the result asks again. */
void probe_send(struct slice address);
