/*
 * The list of deferred messages of one destination: flush/<domain>, a queue ID a line (queue
 * format, section 8). Processes that use one at the same time exclude each other by a lock.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

/* Set path to "flush/foo_example": lower case, anything but letters and digits becomes "_". */
void site_log_path(struct buf *path, struct slice site);

/* Append an ID. Temporary error. */
MUST_USE int site_log_add(const char *path, struct slice queue_id, struct error *error);

/*
 * Take all IDs off the list: they go into *ids (as keys; values are not used), each once, and
 * the file becomes empty. What is no queue ID is left out. A missing file is an empty list.
 */
MUST_USE int site_log_take(const char *path, struct hash *ids, struct error *error);
