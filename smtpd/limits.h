/*
 * How much a client may do in a while: counters kept by anvil, limits from main.cf.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "reply.h"

struct session;

/*
 * Report the event and compare. False: the limit is exceeded, *reply says so, and the
 * administrator was warned. Trouble with anvil lets everybody in.
 */
MUST_USE MAY_WAIT bool limits_allow_connection(struct session *session,
                                               struct smtp_reply *reply);
MUST_USE MAY_WAIT bool limits_allow_message(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool limits_allow_recipient(struct session *session,
                                              struct smtp_reply *reply);
/* Before a handshake nothing is counted, and after it what was resumed is not. */
MUST_USE MAY_WAIT bool limits_may_start_tls(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool limits_allow_new_tls(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool limits_allow_auth(struct session *session, struct smtp_reply *reply);
/* The connection has ended. */
MAY_WAIT void limits_disconnect(struct session *session);
