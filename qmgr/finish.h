/*
 * The end of an attempt to deliver a message: notifications, then removal or the deferred
 * queue.
 */
#pragma once

#include "base/compiler.h"
#include "mail.h"

/*
 * Some delivery of the mail has ended, or its first recipients were read: read more, or finish
 * and free it. The mail may be gone afterwards.
 */
MAY_WAIT void mail_progress(struct mail *mail);

/* Called when the active queue has got shorter. */
extern void (*finish_made_room)(void);

/* Move a file to the corrupt queue, with a line in the log. */
void finish_corrupt(struct slice id);
/* Put a file that is in the active queue into another, not to be tried before delay_ms. */
void finish_put_back(struct slice id, const char *queue, int64_t delay_ms);
