/*
 * Stand-alone mode (sendmail -bs): messages go to the maildrop directory through the set-gid
 * postdrop command, also while the mail system is down. Blocks: such a process has one session.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "mail/queue_id.h"

struct postdrop {
    int input, output; /* of the command, as seen from here; -1: closed */
    pid_t pid;         /* 0: none */
    struct buf records;
    char queue_id[QUEUE_ID_BYTES];
};

/* Start the command and learn the queue ID. Temporary error. */
MUST_USE int postdrop_open(struct postdrop *postdrop, struct error *error);
/* Add a record; trouble shows in postdrop_finish. */
void postdrop_put(struct postdrop *postdrop, char type, struct slice data);
/*
 * Send the rest and wait for the verdict: *status has the bits of mail/postdrop_reply.h, the
 * reason lies in the buffer. -1: temporary error.
 */
MUST_USE int postdrop_finish(struct postdrop *postdrop, unsigned *status, struct buf *reason,
                             struct error *error);
/* Give up a message that was not finished; twice is harmless. */
void postdrop_release(struct postdrop *postdrop);
