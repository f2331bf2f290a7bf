/*
 * Writing a new queue file (queue format, section 2). Only cleanup and postdrop do so.
 *
 * Records collect in memory and go to the file in few large writes; the file exists from
 * queue_file_create on, under its final name but without the execute bit, so no reader takes
 * it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "mail/message.h"
#include "mail/queue_id.h"
#include "mail/record.h"

struct queue_file {
    int fd;
    char id[QUEUE_ID_BYTES];
    const char *queue; /* a literal: "incoming", "hold", "maildrop" */
    struct buf path;
    struct buf records;          /* not yet written */
    off_t written;               /* bytes of the file so far, without `records` */
    struct timeval arrival_time; /* when the ID was made */
    bool committed;
};

#define QUEUE_FILE_INIT ((struct queue_file){.fd = -1, .path = BUF_INIT, .records = BUF_INIT})

/*
 * Claim an ID in the queue and create its file (mode as given, 0600 or maildrop's 0644). The
 * struct was QUEUE_FILE_INIT. Temporary error with errno's text when that fails.
 */
MUST_USE int queue_file_create(struct queue_file *file, const struct queue_layout *layout,
                               const char *queue, enum queue_id_form form, mode_t mode,
                               struct error *error);

/* Add a record; *offset (may be NULL) is where its type byte will stand. Writes now and then.
 */
MUST_USE MAY_WAIT int queue_file_put(struct queue_file *file, char type, struct slice data,
                                     off_t *offset, struct error *error);
/* Add a run of records that are encoded already (mail/record.h). */
MUST_USE MAY_WAIT int queue_file_put_run(struct queue_file *file, struct slice run,
                                         struct error *error);
/* Write what is in memory, so that other programs can read it; no sync. */
MUST_USE int queue_file_flush(struct queue_file *file, struct error *error);
off_t queue_file_offset(const struct queue_file *file);
/* Overwrite bytes at an offset, whether they are still in memory or written. */
MUST_USE int queue_file_patch(struct queue_file *file, off_t offset, struct slice data,
                              struct error *error);
/* Move to another queue before the commit ("hold"). */
MUST_USE int queue_file_move(struct queue_file *file, const struct queue_layout *layout,
                             const char *queue, struct error *error);
/*
 * Write what is left, set the mode with the commit mark (0700, maildrop 0744), fsync (through
 * co_offload) and close. After success the message is ours for good.
 */
MUST_USE MAY_WAIT int queue_file_commit(struct queue_file *file, mode_t mode,
                                        struct error *error);
/* Close and, unless committed, unlink. A released struct is QUEUE_FILE_INIT again. Twice is
 * harmless; for CLEANUP. */
void queue_file_release(struct queue_file *file);
