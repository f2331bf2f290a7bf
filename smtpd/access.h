/*
 * Access control: the smtpd_*_restrictions of main.cf.
 *
 * Each function answers true when the request may go on; false with the reply to give instead,
 * which has been logged. With smtpd_delay_reject the lists of the earlier stages are evaluated
 * by access_rcpt (and access_etrn), so that the log shows sender and recipient.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "reply.h"

struct session;

/* Parse the lists and open their tables. A set-up that would be an open relay ends the start.
 */
void access_open(void);

MUST_USE MAY_WAIT bool access_client(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool access_helo(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool access_mail(struct session *session, struct smtp_reply *reply);
/* For RCPT, and for VRFY outside of a transaction. recipient is in internal form. */
MUST_USE MAY_WAIT bool access_rcpt(struct session *session, struct slice recipient,
                                   struct smtp_reply *reply);
MUST_USE MAY_WAIT bool access_data(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool access_end_of_data(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool access_etrn(struct session *session, struct slice domain,
                                   struct smtp_reply *reply);

/* "local" or "remote": whose mail has its incomplete headers completed by us
 * (local_header_rewrite_clients). */
MAY_WAIT struct slice access_rewrite_context(struct session *session);

/* Every command of a client that was refused at connection time gets this. */
struct smtp_reply access_denied_reply(struct session *session);

/* Does smtpd_data_restrictions ask about pipelining by itself? */
bool access_data_checks_pipelining(void);

/* Log "ID: what: STAGE from CLIENT: text; from=<> to=<> proto= helo=<>". */
MAY_WAIT void access_log_event(struct session *session, const char *what, const char *text);
/* The same with "to=<>" of that recipient. */
MAY_WAIT void access_log_event_to(struct session *session, const char *what,
                                  struct slice recipient, const char *text);
/* The same for a refusal that was decided elsewhere. */
MAY_WAIT void access_log_reject(struct session *session, const struct smtp_reply *reply);
/* What smtpd_proxy_filter said of a message: "proxy-accept: STAGE: reply; from=<> ...". */
void access_log_proxy(struct session *session, const char *what,
                      const struct smtp_reply *reply);
