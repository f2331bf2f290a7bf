/* The envelope segment: sender, recipients, attributes of the message. */
#pragma once

#include "transaction.h"

MAY_WAIT void envelope_record(struct transaction *transaction, char type, struct slice data);
/* The M record: the envelope is complete. */
MAY_WAIT void envelope_end(struct transaction *transaction);

/*
 * The records that concern recipients, for the extracted segment, too. True when it was one and
 * has been dealt with.
 */
MUST_USE MAY_WAIT bool recipient_record(struct transaction *transaction, char type,
                                        struct slice data);

/* Split "name=value"; false when there is no value (a value may not be empty). */
MUST_USE bool attribute_split(struct slice data, struct slice *name, struct slice *value);
