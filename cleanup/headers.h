/* The headers of the message: what is done with each, and which are added. */
#pragma once

#include "transaction.h"

/* Bring a header into the queue file; text has its lines separated by \n. */
MAY_WAIT void header_put(struct transaction *transaction, struct slice text);

/* A complete header of the message arrived: inspect, rewrite, drop or write it. */
MAY_WAIT void header_take(struct transaction *transaction, struct buf *header);
