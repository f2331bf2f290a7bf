/*
 * The per-message status logs in bounce/, defer/ and trace/ (queue format, section 8).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "mail/dsn.h"
#include "mail/message.h"

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

/* For what an entry in the old style, which has only the reason, does not say. */
struct status_defaults {
    const char *status, *action; /* "4.0.0", "delayed" (defer); "5.0.0", "failed" (bounce) */
};

/*
 * Read a log entry by entry. Texts lie in the arena; what the entry does not tell is empty.
 * 1: an entry, 0: the end, -1: temporary error.
 */
struct status_log_reader;
MUST_USE struct status_log_reader *status_log_open(const char *path); /* NULL with errno */
MUST_USE struct status_log_reader *status_log_open_fd(int fd);        /* takes the descriptor */
MUST_USE int status_log_next(struct status_log_reader *reader, struct arena *arena,
                             const struct status_defaults *defaults, struct status_entry *entry,
                             struct error *error);
void status_log_close(struct status_log_reader *reader); /* NULL is harmless */
