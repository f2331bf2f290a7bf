/* The content segment: headers one by one, then body lines, most of which just pass through. */
#pragma once

#include "transaction.h"

/* Set up what will be looked at, as main.cf and the transaction's flags want it. */
void content_init(struct transaction *transaction);
void content_release(struct content *content);

MAY_WAIT void content_record(struct transaction *transaction, char type, struct slice data);

/*
 * Pass the records at the start of a frame that nobody needs to look at straight to the queue
 * file. Returns how many bytes that were.
 */
MUST_USE MAY_WAIT size_t content_take_run(struct transaction *transaction,
                                          struct slice records);

/* The X record: the content is complete. */
MAY_WAIT void content_end(struct transaction *transaction);
