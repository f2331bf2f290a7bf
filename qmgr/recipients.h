/*
 * Reading the recipients of a message, so many at a time that memory stays bounded.
 */
#pragma once

#include "base/compiler.h"
#include "mail.h"

/*
 * Read and queue recipients until memory's share is used up or none is left, and wake their
 * transports. The file is open at mail->message.fd. A read error or a corrupt file ends the
 * reading: *error says which; what was queued so far is delivered.
 */
MUST_USE MAY_WAIT int recipients_read(struct mail *mail, struct error *error);

/* True when so few are left in memory that more should be read. */
bool recipients_run_low(const struct mail *mail);

/* As recipients_read, but opens the file for it and handles all trouble. */
MAY_WAIT void recipients_refill(struct mail *mail);
