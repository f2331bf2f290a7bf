/*
 * The extensions that EHLO offers: one row each.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct session;

/* Append "\nKEYWORD parameters" for each keyword that is offered. */
MAY_WAIT void ehlo_add_keywords(struct session *session, struct buf *reply);

/* The extensions whose MAIL and RCPT parameters the client may use: ESMTP_ALLOW_ (esmtp.h). */
MAY_WAIT unsigned ehlo_allowed_parameters(struct session *session);

/* May this client use XCLIENT, XFORWARD, XVERP? Trouble with the list: no. */
MAY_WAIT bool session_may_xclient(struct session *session);
MAY_WAIT bool session_may_xforward(struct session *session);
MAY_WAIT bool session_may_verp(struct session *session);
