/*
 * Removing files while deliveries go on.
 *
 * unlink(2) of a file that was synced may wait for the disk, half a millisecond and more where
 * the file system tells the device at once (mount option discard). With more than a few
 * messages about, files are removed in helper threads, several at a time.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/list.h"

struct mail;

/* Part of struct mail. */
struct removal {
    struct list_link link;
    const char *queue;                                 /* a literal: "active", "defer" */
    void (*done)(struct mail *mail, int error_number); /* 0: the file is gone */
};

/*
 * Remove the mail's file in that queue and then call done, now or later in another coroutine.
 * One removal of a mail at a time; the mail must live until then.
 */
MAY_WAIT void removal_of(struct mail *mail, const char *queue,
                         void (*done)(struct mail *mail, int error_number));

/* Are files waiting for their removal? */
bool removal_is_under_way(void);
/* Wait until not many are: for whoever feeds them. */
MAY_WAIT void removal_wait_for_room(void);
