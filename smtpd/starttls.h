/*
 * TLS in the server: when it is offered, how it starts, what is demanded of the client.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "reply.h"
#include "tls/peer.h"

struct session;

/* Read the parameters, before the jail; a bad level or list of names ends the start. */
void starttls_open(void);

/* EHLO offers STARTTLS to this client. */
bool starttls_is_offered(struct session *session);
/* Only TLS gets mail into us, and this client has none: "Must issue a STARTTLS command first".
 */
bool starttls_is_missing(const struct session *session);
/* AUTH is neither offered nor taken in plain text (smtpd_tls_auth_only, level encrypt). */
bool starttls_before_auth(void);

bool session_is_encrypted(const struct session *session);

/* STARTTLS - RFC 3207. A reply with code 0: all has been said. */
MAY_WAIT struct smtp_reply starttls_command(struct session *session, struct slice arguments);

/*
 * smtpd_tls_wrappermode: TLS before the first word, where that is wanted. False: the connection
 * is over, and the log says why.
 */
MUST_USE MAY_WAIT bool starttls_wrap(struct session *session);
