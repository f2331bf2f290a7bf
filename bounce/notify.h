/*
 * Who is told what: the sender, the postmaster, or nobody.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "ipc/message.h"
#include "mail/status_log.h"

/*
 * Serve a flush: notify of all that the log holds and remove it (a delay warning leaves it).
 * Temporary error: the log stays as it is.
 */
MUST_USE MAY_WAIT int notify_flush(const struct bounce_flush *flush, struct error *error);

/* The log file of that kind (BOUNCE_LOG_) for a queue ID. */
void notify_log_path(struct buf *path, int log, struct slice queue_id);
