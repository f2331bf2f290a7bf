/*
 * One local address: aliases, then the user's .forward, then the mailbox; or elsewhere.
 */
#pragma once

#include "base/compiler.h"
#include "job.h"

/* Open the tables for it; before the jail. */
void recipient_open(void);

/* Is there an alias for the address? False on table trouble, too. */
bool recipient_is_alias(struct job *job, struct slice address);

/* True when the message has been there before (Delivered-To:); then it is returned for that. */
bool recipient_is_loop(struct job *job, struct slice address);

/* Work off one address: deliver it, or append what it stands for. */
MAY_WAIT void recipient_deliver(struct job *job, struct slice address,
                                const struct origin *origin);
