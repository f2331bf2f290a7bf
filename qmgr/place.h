/*
 * Finding the destination of each recipient, and queueing it there.
 */
#pragma once

#include "base/compiler.h"
#include "job.h"
#include "mail.h"

/*
 * Queue the recipients that are not done; their texts lie in the batch's arena. The mail's file
 * is open. What cannot be resolved goes to the retry or the error service.
 */
MAY_WAIT void place_recipients(struct mail *mail, struct batch *batch,
                               struct recipient_list *list);

/* The retry service's queue for that reason, "4.3.0 text". */
struct destination *place_retry(const char *reason);
/* The same for what waited for a dead destination. */
struct destination *place_suspended(const struct destination *dead);

/* Open what resolving needs; before the jail. */
void place_open(void);
