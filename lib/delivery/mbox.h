/*
 * Appending to a mailbox file, with the locks that mail readers know (fcntl, flock, dotlock).
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "delivery/mail_copy.h"
#include "delivery/user.h"

enum mbox_lock { MBOX_LOCK_FCNTL = 1, MBOX_LOCK_FLOCK = 2, MBOX_LOCK_DOTLOCK = 4 };

struct mbox {
    const char *path;
    unsigned locks;          /* MBOX_LOCK_ bits */
    int lock_attempts;       /* deliver_lock_attempts */
    int64_t lock_delay;      /* milliseconds between two */
    int64_t stale_lock_time; /* a dotlock older than this (milliseconds) is removed */
    int64_t limit_bytes;     /* of the file afterwards; 0: none */
    struct user user;        /* whose rights open, create and lock */
    struct user file_owner;  /* of a file that is created; uid -1: as it comes */
    bool must_own;           /* a file of somebody else is refused (strict_mailbox_ownership) */
    bool may_be_special;     /* /dev/null and the like, too */
};

/* "fcntl, dotlock" -> MBOX_LOCK_ bits. Permanent error for another word. */
MUST_USE int mbox_parse_locks(const char *text, unsigned *locks, struct error *error);

/* The locks on a mailbox that is going to be read or written. */
struct mbox_lock_held {
    int fd;             /* open for appending; -1: nothing is held */
    struct buf dotlock; /* path of the lock file; empty: none was made */
};

/*
 * Open (or make) the file and take its locks, with the rights of the process. Temporary error.
 */
MUST_USE int mbox_lock_take(const struct mbox *mbox, struct mbox_lock_held *held,
                            struct error *error);
void mbox_lock_release(struct mbox_lock_held *held);

/*
 * Append the copy. Durable when 0; cut back to its former length when it fails. status gets
 * "4.2.0", "5.2.2", ... and the error the reason.
 */
MUST_USE int mbox_append(const struct mbox *mbox, const struct mail_copy *copy,
                         char status[DSN_STATUS_BYTES], struct error *error);
