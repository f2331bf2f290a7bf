/*
 * smtp_pix_workarounds: firewalls that answer in a server's name, and break SMTP while they do.
 */
#pragma once

#include "base/compiler.h"
#include "session.h"

/* What not to do, or to do besides; bits of session->workarounds. */
enum pix_workaround {
    PIX_DISABLE_ESMTP = 1, /* HELO instead of EHLO */
    PIX_DELAY_DOTCRLF = 2, /* the final dot goes out alone, after a pause */
};

/* Open the table; before the jail. */
void pix_open(void);

/* By the greeting, which session->reply holds: sets session->workarounds, and logs them. */
MAY_WAIT void pix_detect(struct session *session, const struct opening *opening);

/* Before the final dot, where that wants a pause: send what there is, and wait. */
MAY_WAIT void pix_pause(struct session *session);
