/*
 * smtpd_reject_footer: text of the administrator behind error replies.
 */
#pragma once

#include "base/compiler.h"
#include "reply.h"

struct session;

/* Add the footer that main.cf or smtpd_reject_footer_maps has for this reply, if any. */
MAY_WAIT void footer_add(struct session *session, struct smtp_reply *reply);

/*
 * Replace an error reply by what smtpd_reject_filter_maps makes of it; a result that is no
 * error reply is logged and passed over.
 */
MAY_WAIT void footer_replace(struct session *session, struct smtp_reply *reply);
