/*
 * XFORWARD: telling a server of ours, such as a content filter, which client a message came
 * from. Source: XFORWARD_README of Postfix.
 */
#pragma once

#include "base/compiler.h"
#include "delivery/delivery.h"
#include "session.h"

/*
 * Send what the server takes and wait for its replies. A refusal is logged, and no reason not
 * to send the message. BROKEN: *activity names the step.
 */
MUST_USE MAY_WAIT enum step
xforward_send(struct session *session, const struct delivery *delivery, const char **activity);
