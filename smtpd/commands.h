/*
 * The commands of SMTP: one row each, found by name.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "reply.h"
#include "session.h"

struct command {
    const char *name;
    MAY_WAIT struct smtp_reply (*run)(struct session *session, struct slice arguments);
    enum session_command count;
    bool is_junk;    /* many of them without mail count as errors */
    bool ends_batch; /* no command may follow before its reply (RFC 2920 section 3.1) */
};

/* Run one command line (without its line end). */
MAY_WAIT struct smtp_reply command_run(struct session *session, struct slice line);

/*
 * Has the client sent more before it had the reply to the last command? ends_batch: even one
 * who may pipeline must wait here (RFC 2920 section 3.1). Logged the first time, later false.
 */
MUST_USE MAY_WAIT bool session_pipelines_wrongly(struct session *session, bool ends_batch);
/* The reply of smtpd_forbid_unauth_pipelining; the session ends. */
struct smtp_reply session_out_of_step(struct session *session);

/* A table that says what to do cannot be asked: logged, and the session ends. */
struct smtp_reply command_data_error(struct session *session);

/* Names for the disconnect line, by enum session_command. */
extern const char *const command_count_names[N_COMMANDS];

/* The handlers, by file. */
MAY_WAIT struct smtp_reply hello_helo(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply hello_ehlo(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply mail_from(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply rcpt_to(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply data_data(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply data_bdat(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply xclient_xclient(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply xclient_xforward(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply query_vrfy(struct session *session, struct slice arguments);
MAY_WAIT struct smtp_reply query_etrn(struct session *session, struct slice arguments);
