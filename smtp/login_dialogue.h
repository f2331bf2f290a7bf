/*
 * AUTH with a user and a password, by libsasl2's mechanisms (ipc/sasl_client.h); and what may
 * come of a login in any way, for login_token.h too.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct opening;
struct session;

struct credentials {
    struct buf value; /* "user:password" as the table has it */
    struct slice user, password;
    bool is_token; /* the password is the name of a token's source */
};

/*
 * Log in. demands: SECURITY_ bits of auth/sasl_security.h. 0: session->is_logged_in is set. -1:
 * opening tells why the connection is of no use.
 */
MUST_USE MAY_WAIT int login_by_password(struct session *session, struct opening *opening,
                                        const struct credentials *credentials,
                                        unsigned demands);

/* Each of these fills in opening and returns -1. The status decides between 4xx and 5xx. */
int login_fail(struct opening *opening, const char *status, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The server offers nothing that we may use. */
int login_no_mechanism(const struct session *session, struct opening *opening);
/* We cannot take part in the dialogue. */
int login_cannot(const struct session *session, struct opening *opening, struct slice why);
/* The last reply is a refusal: put off, with smtp_sasl_auth_soft_bounce. */
int login_refused(struct session *session, struct opening *opening);
/* The connection broke. */
int login_broke(struct session *session, struct opening *opening);
/* There is no end to the server's challenges. */
int login_loops(const struct session *session, struct opening *opening);
