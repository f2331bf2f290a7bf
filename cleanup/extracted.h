/* The extracted segment: what was learned from the content, and recipients that came after it.
 */
#pragma once

#include "transaction.h"

/* The X record: write it, and what the checks and headers decided. */
MAY_WAIT void extracted_begin(struct transaction *transaction);
MAY_WAIT void extracted_record(struct transaction *transaction, char type, struct slice data);
/* The E record: add always_bcc and the BCC actions' recipients, and close the file's records.
 */
MAY_WAIT void extracted_end(struct transaction *transaction);
