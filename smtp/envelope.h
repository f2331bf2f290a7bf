/*
 * The commands MAIL and RCPT, with the parameters that the server knows (RFC 1870, RFC 3461,
 * RFC 6531, RFC 8689). They leave with the next reply that is waited for.
 */
#pragma once

#include "session.h"
#include "transaction.h"

void envelope_send_mail(struct session *session, const struct attempt *attempt);
void envelope_send_rcpt(struct session *session, const struct attempt *attempt,
                        const struct recipient *recipient);
