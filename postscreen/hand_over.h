/*
 * Passing a client on to smtpd: the descriptor, and the addresses that a proxy told us.
 */
#pragma once

#include "base/compiler.h"
#include "session.h"

/*
 * Send the connection to the service smtpd_service_name and wait until a process of it has
 * taken it; our descriptor is closed. -1: nobody listens there; logged, the client is ours
 * still.
 */
MUST_USE MAY_WAIT int hand_over(struct session *session);
