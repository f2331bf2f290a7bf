/*
 * The message as it goes over the wire: CRLF, dot-stuffing, lines folded at the limit.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/error.h"
#include "delivery/delivery.h"
#include "session.h"

enum body_result {
    BODY_SENT,       /* all but the final dot; some of it may still be in the stream's buffer */
    BODY_BROKEN,     /* the connection */
    BODY_UNREADABLE, /* the queue file: *error */
    BODY_UNCHECKED,  /* a table failed, which is in the log */
};

MUST_USE MAY_WAIT enum body_result
body_send(struct session *session, const struct delivery *delivery, struct error *error);

/* The message or an address of it cannot go to a server without SMTPUTF8 (RFC 6531). */
bool body_needs_smtputf8(const struct delivery *delivery);
