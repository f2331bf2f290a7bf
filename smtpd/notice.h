/*
 * The transcript of a session, and the notice to the postmaster that is made of it when
 * something happened that notify_classes names.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

struct session;

/* Remember a line from the client, and a reply to it (in wire format). */
void notice_add_received(struct session *session, struct slice line);
void notice_add_sent(struct session *session, struct slice reply);

/* At the end of the session: send the notice, if one is due. Trouble is logged. */
MAY_WAIT void notice_send(struct session *session);
