/*
 * The extensions that EHLO offers: one row each.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct session;

/* One bit for each keyword of smtpd_discard_ehlo_keywords. */
enum keyword {
    KEYWORD_PIPELINING = 1 << 0,
    KEYWORD_SIZE = 1 << 1,
    KEYWORD_VRFY = 1 << 2,
    KEYWORD_ETRN = 1 << 3,
    KEYWORD_STARTTLS = 1 << 4,
    KEYWORD_AUTH = 1 << 5,
    KEYWORD_XVERP = 1 << 6,
    KEYWORD_XCLIENT = 1 << 7,
    KEYWORD_XFORWARD = 1 << 8,
    KEYWORD_ENHANCEDSTATUSCODES = 1 << 9,
    KEYWORD_8BITMIME = 1 << 10,
    KEYWORD_DSN = 1 << 11,
    KEYWORD_SMTPUTF8 = 1 << 12,
    KEYWORD_CHUNKING = 1 << 13,
    KEYWORD_REQUIRETLS = 1 << 14,
    KEYWORD_SILENT_DISCARD = 1 << 15, /* do not log what is discarded */
};

/* The bits of a list of names; unknown ones are logged and left out. */
unsigned ehlo_keywords_parse(const char *list);

/* Which keywords this client does not get (smtpd_discard_ehlo_keyword_address_maps). */
MAY_WAIT unsigned ehlo_discarded_for(struct session *session);

/* Append "\nKEYWORD parameters" for each keyword that is offered. */
MAY_WAIT void ehlo_add_keywords(struct session *session, struct buf *reply);

/* The extensions whose MAIL and RCPT parameters the client may use: ESMTP_ALLOW_ (esmtp.h). */
MAY_WAIT unsigned ehlo_allowed_parameters(struct session *session);

/* May this client use XCLIENT, XFORWARD, XVERP? Trouble with the list: no. */
MAY_WAIT bool session_may_xclient(struct session *session);
MAY_WAIT bool session_may_xforward(struct session *session);
MAY_WAIT bool session_may_verp(struct session *session);
