/*
 * Replies to clients: soft_bounce, postscreen_reject_footer, the form on the wire.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "session.h"

/*
 * Append the reply, one line ("550 5.5.1 Protocol error"), with the footer (LF between lines,
 * "\c" at its start continues the line) behind it in the same form, CRLF at each end.
 */
void reply_format(struct buf *out, struct slice reply, struct slice footer);
/* With soft_bounce "550 5.7.1 x" is "450 4.7.1 x". */
void reply_soften(struct buf *reply);

/* Send one line; several of them, the last one too, where text has its own codes and CRLFs. -1:
 * the client is gone. Waits no longer than the stream's deadline. */
MUST_USE MAY_WAIT int reply_send(struct session *session, const char *line);
MUST_USE MAY_WAIT int reply_send_raw(struct session *session, struct slice text);
