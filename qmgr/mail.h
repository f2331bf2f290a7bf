/*
 * A message in the active queue.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>

#include "base/list.h"
#include "base/slice.h"
#include "mail/message.h"
#include "mail/queue_id.h"
#include "removal.h"

struct mail {
    char *id;
    struct message message; /* the envelope; the file is open only while it is read */
    struct timeval active_since;
    int flags;            /* DELIVERY_FLAG_ bits for the agents */
    bool deferred;        /* some recipient stays in the queue */
    bool force_expired;   /* postsuper -e: bounce what is not delivered now */
    bool ignores_trouble; /* postqueue -i, -f: try dead destinations once */
    bool busy;            /* a coroutine reads recipients or finishes it */
    struct removal removal;
    struct list jobs;
    size_t n_entries;    /* to deliver and in delivery */
    size_t n_recipients; /* in memory */
    int64_t n_unread;    /* still in the file alone; an upper bound */
    int64_t refilled_at; /* monotonic */
};

/* Where queue files lie. */
const struct queue_layout *mail_layout(void);

/* Is there a file of that ID in the queue or log directory? */
bool queue_file_exists(const char *queue, struct slice id);

/* Counted in the active queue until mail_free. id is copied. */
struct mail *mail_new(struct slice id);
/* Nothing of it may be left to deliver. */
void mail_free(struct mail *mail);

struct slice mail_id(const struct mail *mail);

/* True when it asks for one delivery for each recipient, the sender made of both (VERP). */
bool mail_is_verp(const struct mail *mail);

/* How much the active queue holds. */
int64_t mail_count(void);
int64_t mail_recipient_count(void);
/* Address verification probes among them. */
int64_t mail_probe_count(void);
void mail_set_flags(struct mail *mail, int flags);
void mail_add_recipients(struct mail *mail, int64_t count); /* negative: they are gone */

/* qmgr_message_active_limit and qmgr_message_recipient_limit let one more in. */
bool mail_has_room(void);
/* The same for a message that was deferred: the last tenth is for new ones. */
bool mail_has_room_for_retries(void);
