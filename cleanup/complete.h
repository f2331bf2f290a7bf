/* Adding the headers that a message must have (RFC 5322 section 3.6). */
#pragma once

#include "transaction.h"

/*
 * Add Message-Id, Date, From and undisclosed_recipients_header where they are missing, to mail
 * whose headers we rewrite or with always_add_missing_headers; log the Message-ID.
 */
MAY_WAIT void headers_complete(struct transaction *transaction);
