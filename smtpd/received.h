/*
 * The Received: header of mail that came in by SMTP (RFC 5321 section 4.4).
 */
#pragma once

#include "base/compiler.h"

struct session;

/* Put it as records of content. The queue ID must be known. */
MAY_WAIT void received_put(struct session *session);
