/*
 * Is there room in the queue for one more message?
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "reply.h"

struct session;

/* Check the announced size (0: none) against message_size_limit. False with the reply; logged.
 */
MUST_USE bool space_allows_size(struct session *session, int64_t size_bytes,
                                struct smtp_reply *reply);
/*
 * Check the free space of the queue's file system against queue_minfree and 1.5 times
 * message_size_limit. False with the reply; logged. It is asked at most once a second.
 */
MUST_USE bool space_is_enough(struct session *session, struct smtp_reply *reply);
