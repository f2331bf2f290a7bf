/*
 * tassis import: moving the mail of one queue to another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/error.h"

/* Where an instance keeps its mail. */
struct queue_place {
    const char *directory;
    const char *mail_owner; /* who the files shall belong to, where we may say so */
};

struct queue_move {
    int64_t n_messages,
        n_files;     /* of which there are several for a message that was deferred */
    bool has_copied; /* names may have to be made anew: they hold the inode */
};

/* Count what there is. */
MUST_USE int queue_count(const struct queue_place *place, struct queue_move *move,
                         struct error *error);

/*
 * Move every queue file. A file is at the new place, complete and on the disk, before it leaves
 * the old one, so a crash in between can only repeat a delivery; the next run goes on where
 * this one ended. Files whose name is taken at the new place stay, and are an error.
 */
MUST_USE int queue_move_all(const struct queue_place *from, const struct queue_place *to,
                            struct queue_move *move, struct error *error);
