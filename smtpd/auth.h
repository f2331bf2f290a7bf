/*
 * Logging in: AUTH (RFC 4954). Who is right about passwords is a service behind auth_backend.h.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "reply.h"

struct session;

/* Check the parameters and choose the service; before the jail. Bad values end the start. */
void auth_open(void);

/* Add the line "AUTH mechanisms" to the reply to EHLO, where there is anything to offer. */
MAY_WAIT void auth_add_keyword(struct session *session, struct buf *reply);

/* AUTH mechanism [initial-response] */
MAY_WAIT struct smtp_reply auth_command(struct session *session, struct slice arguments);
