/*
 * What may change a message on its way out: smtp_header_checks and its relatives, and generic
 * addresses in headers.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "mail/mime.h"

struct checks {
    struct mime mime;
    struct slice queue_id; /* for the log */
    struct buf line;       /* the one that is looked at */
    struct buf *out;       /* where it goes, while it is fed */
};

/* Open the tables, after generic_open; before the jail. */
void checks_open(void);
/* False: every message goes out as it is. */
bool checks_are_wanted(void);

void checks_init(struct checks *checks, struct slice queue_id);
void checks_release(struct checks *checks); /* twice is harmless */

/*
 * Take a line and append what comes out: lines that end in \n. Only where the line given is a
 * piece, what comes out may end without. -1: a table failed, which is in the log.
 */
MUST_USE MAY_WAIT int checks_feed(struct checks *checks, struct slice line, enum mime_line kind,
                                  struct buf *out);
MUST_USE MAY_WAIT int checks_end(struct checks *checks, struct buf *out);
