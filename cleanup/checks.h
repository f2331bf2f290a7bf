/* header_checks and its relatives: which action a table wants for a line, and doing it. */
#pragma once

#include "route/line_check.h"
#include "tables.h"
#include "transaction.h"

/*
 * Show the line (a whole header, or one body line) to the table of its kind and act. REPLACE
 * changes *line, PREPEND writes a line before it. LINE_DROP: the line is not to be written.
 */
MUST_USE MAY_WAIT enum line_verdict check_line(struct transaction *transaction,
                                               enum check_kind kind, struct buf *line);

/* message_reject_characters: refuse the message because of this line. */
void check_reject_characters(struct transaction *transaction, struct slice line);

/* Log that the structure is broken as main.cf does not allow; line is where that showed. */
void check_log_mime(struct transaction *transaction, const char *what, struct slice line);

/* Append " from=<> to=<> proto= helo=<>", as far as they are known, to a log line. */
void check_add_context(const struct transaction *transaction, struct buf *line);
