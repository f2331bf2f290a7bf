/* Recipients: from an address of the envelope to the R records of the queue file. */
#pragma once

#include "mail/message.h"
#include "transaction.h"

/* Rewrite, map and write the sender (S record), then add sender_bcc_maps' recipients. */
MAY_WAIT void sender_put(struct transaction *transaction, struct slice address);

/*
 * Rewrite and map one recipient, expand virtual aliases, write it unless it was written before;
 * takes transaction->next for itself. Adds recipient_bcc_maps' recipients.
 */
MAY_WAIT void recipient_put(struct transaction *transaction, struct slice address);

/* A blind copy: as a recipient, but never notified of. */
MAY_WAIT void recipient_put_bcc(struct transaction *transaction, struct slice address);
/* One that a filter adds. notify: NOTIFY_ bits; dsn_original may be empty. */
MAY_WAIT void recipient_put_more(struct transaction *transaction, struct slice address,
                                 struct slice dsn_original, int notify);
/* It was taken back: who adds it again shall not be told that it is there. */
void recipient_forget(struct transaction *transaction, const struct recipient *recipient);
