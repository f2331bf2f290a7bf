/*
 * Taking a message into the active queue.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"

struct intake {
    const char *queue;    /* "incoming", "deferred" */
    const char *path;     /* from the scan; NULL: the ID was announced, so the file is new */
    bool ignores_time;    /* not only what is due (postqueue -f) */
    bool ignores_trouble; /* try dead destinations and defer_transports */
};

/*
 * True when the message is in the active queue now, or about to be read. False: not due, not
 * complete, being delivered, gone, or in disorder; what the administrator must know has been
 * logged.
 */
MAY_WAIT bool intake_take(const struct intake *intake, struct slice id);

/*
 * Set when a message was passed over because somebody delivers it: an agent of a queue manager
 * that died. Its file stays as it is, so that it is due for the next manager as well.
 */
extern bool intake_met_busy_file;

/* At start: what a queue manager before us left in the active queue goes back to incoming. */
void intake_recover(void);
