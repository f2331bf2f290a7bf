/* Bounces of cleanup's own, for senders that have no SMTP client waiting for the answer. */
#pragma once

#include "transaction.h"

/*
 * Notify the sender of each recipient why the message was refused. When that worked the
 * transaction's status is OK: the message is dealt with.
 */
MAY_WAIT void transaction_bounce(struct transaction *transaction);
