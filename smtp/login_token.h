/*
 * AUTH with an access token in place of a password: OAUTHBEARER (RFC 7628), and XOAUTH2 as
 * Google and Microsoft have it. The token is sasltoken(8)'s to get (ipc/sasl_client.h).
 */
#pragma once

#include "base/compiler.h"

struct credentials;
struct opening;
struct session;

/*
 * Log in with a token of the source that the credentials name. What a server refuses is
 * got anew and tried once more, since it may have expired. Never without TLS. 0:
 * session->is_logged_in is set. -1: opening tells why the connection is of no use.
 */
MUST_USE MAY_WAIT int login_by_token(struct session *session, struct opening *opening,
                                     const struct credentials *credentials);
