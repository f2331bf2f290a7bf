/*
 * The mail filters (milters) of a session: what they are told of the client and the envelope.
 * The content is shown to them by cleanup, over the same connections.
 *
 * Functions that return bool answer true when the command may go on; false with the reply to
 * give instead, which has been logged. Without filters everything goes on.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "ipc/cleanup_client.h"
#include "reply.h"

struct session;

/* Parse smtpd_milters and open smtpd_milter_maps, before the jail; bad values end the start. */
void milter_settings_open(void);

/* A client is there (or another, after XCLIENT). The reply takes the place of the greeting. */
MUST_USE MAY_WAIT bool milter_connect(struct session *session, struct smtp_reply *reply);
/* Say good-bye to the filters. */
MAY_WAIT void milter_disconnect(struct session *session);

/*
 * HELO or EHLO. Only a reply that ends the session is given at once: as with Sendmail, other
 * refusals are told at MAIL.
 */
MUST_USE MAY_WAIT bool milter_helo(struct session *session, struct smtp_reply *reply);
/* Has a filter refused the client for good? Then EHLO offers nothing. */
bool milter_has_refused(const struct session *session);

/* arguments: the ESMTP parameters as the client gave them. */
MUST_USE MAY_WAIT bool milter_mail(struct session *session, struct slice sender,
                                   struct slice arguments, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool milter_rcpt(struct session *session, struct slice recipient,
                                   struct slice arguments, struct smtp_reply *reply);
/* We refused the recipient; some filters want to hear of those. */
MAY_WAIT void milter_rcpt_refused(struct session *session, struct slice recipient,
                                  struct slice arguments, const struct smtp_reply *refusal);
/* DATA, and the first BDAT. */
MUST_USE MAY_WAIT bool milter_data(struct session *session, struct smtp_reply *reply);
MUST_USE MAY_WAIT bool milter_unknown(struct session *session, struct slice line,
                                      struct smtp_reply *reply);
/* Commands that filters have no event for: one that has refused the client answers them. */
MUST_USE bool milter_other(struct session *session, struct smtp_reply *reply);
/* The same for STARTTLS and AUTH, whose only temporary refusal is 454 (RFC 3207, RFC 4954). */
MUST_USE bool milter_security(struct session *session, struct smtp_reply *reply);
/* The transaction has ended, however it did. */
MAY_WAIT void milter_abort(struct session *session);

/* Must cleanup wait for filters? */
bool milter_is_active(const struct session *session);
/* Lend them to cleanup for the content; between the E record and cleanup_finish. */
MAY_WAIT void milter_lend(struct session *session, struct cleanup_client *cleanup);
/* Cleanup has answered; returned is empty if it failed. */
void milter_take_back(struct session *session, struct slice returned);
/* The filters' refusal of the content, as reply; the session may end with it. */
struct smtp_reply milter_content_reply(struct session *session, struct slice reply);
