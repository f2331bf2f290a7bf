/*
 * Feeding the active queue: from announcements of new mail, from scans of incoming and
 * deferred, in turns, as long as there is room.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

/* Bytes from public/qmgr: triggers, and announced queue IDs (ipc/qmgr_client.h). */
void feeder_take_requests(struct slice bytes);

/* Ask for the first scans, and for those that come every queue_run_delay. */
void feeder_start(void);

/* Take no more mail. */
void feeder_stop(void);

/* The coroutine. */
MAY_WAIT void feeder_run(void *unused);
