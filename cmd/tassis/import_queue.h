/*
 * tassis import: moving the mail of one queue to another.
 */
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"

/* Where an instance keeps its mail. */
struct queue_place {
    const char *directory;
    const char *mail_owner; /* who the files shall belong to, where we may say so */
};

/* Count the messages there are. */
MUST_USE int queue_count(const struct queue_place *place, int64_t *n_messages,
                         struct error *error);

/*
 * Move every queue file. A file is at the new place, complete and on the disk, before it leaves
 * the old one, so a crash in between can only repeat a delivery; the next run goes on where
 * this one ended. Files whose name is taken at the new place stay, and are an error.
 * *n_messages says in any case how many have gone.
 */
MUST_USE int queue_move_all(const struct queue_place *from, const struct queue_place *to,
                            int64_t *n_messages, struct error *error);
