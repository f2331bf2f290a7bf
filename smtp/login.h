/*
 * Logging in at servers (smtp_sasl_*): which user and password, and the AUTH dialogue, whose
 * mechanisms are libsasl2's (ipc/sasl_client.h).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct opening;
struct session;

/* Open the tables, before the jail; bad values end the start. */
void login_open(void);

/* Note the mechanisms of the server's AUTH line (what follows the keyword). */
MAY_WAIT void login_take_mechanisms(struct session *session, struct slice words);

/*
 * Log in where that is wanted, offered, and there is a password. 0: go on, logged in or not
 * (session->is_logged_in). -1: opening tells why the connection is of no use.
 */
MUST_USE MAY_WAIT int login_run(struct session *session, struct opening *opening);

/* Is there a password for this server? Then mail for it must not go by without a login. */
MUST_USE MAY_WAIT bool login_has_password(const struct opening *opening);

/* May there be a login at all? */
bool login_is_enabled(void);

/* Does the login depend on the sender, so that connections are not for the mail of others? */
bool login_depends_on_sender(void);
