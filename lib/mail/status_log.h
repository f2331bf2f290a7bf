/*
 * The per-message status logs in bounce/, defer/ and trace/ (queue format, section 8).
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "mail/dsn.h"
#include "mail/message.h"

#include <stdbool.h>

struct status_entry {
    struct recipient recipient; /* address, original, dsn_original, notify, offset */
    struct dsn dsn;
};

/* Append the text of one entry. old_style adds the "<address>: reason" line. */
void status_log_format(struct buf *buf, const struct status_entry *entry, bool old_style);

/*
 * Append an entry to the log at path: created 0600, exclusive flock, fsync, truncated back when
 * the write fails. Temporary error.
 */
MUST_USE MAY_WAIT int status_log_append(const char *path, const struct status_entry *entry,
                                        bool old_style, struct error *error);

/*
 * Read a log entry by entry. Texts lie in the arena. Old-style-only entries get the defaults
 * given ("4.0.0"/"delayed", "5.0.0"/"failed"). 1: an entry, 0: the end, -1: temporary error.
 */
struct status_log_reader;
MUST_USE struct status_log_reader *status_log_open(const char *path); /* NULL with errno */
MUST_USE int status_log_next(struct status_log_reader *reader, struct arena *arena,
                             const char *default_status, const char *default_action,
                             struct status_entry *entry, struct error *error);
void status_log_close(struct status_log_reader *reader);
