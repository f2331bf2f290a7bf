/*
 * Queue IDs, short and long, and where a queue file lies (queue format, sections 1 and 3).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/slice.h"

#define QUEUE_ID_BYTES 64 /* of the longest ID that we make, with the NUL */

enum queue_id_form { QUEUE_ID_SHORT, QUEUE_ID_LONG };

void queue_id_make(char id[QUEUE_ID_BYTES], enum queue_id_form form, struct timeval time,
                   ino_t inode);
/* Non-empty, at most 255 bytes, only [A-Za-z0-9_]: fit to be part of a path. */
bool queue_id_is_valid(struct slice id);
bool queue_name_is_valid(struct slice name);
bool queue_id_is_long(struct slice id);
/* Take an ID apart; false when it is of no form that we know. usec and seconds: seconds is 0
 * for a short ID. */
bool queue_id_parse(struct slice id, int64_t *seconds, int32_t *microseconds, uint64_t *inode);

/* Which directories are hashed and how deep: from hash_queue_names and hash_queue_depth. */
struct queue_layout {
    const char *hash_queue_names; /* borrowed: a parameter */
    int hash_queue_depth;
};

/* Set buf to "deferred/4/48006AD4358", relative to the queue directory. */
void queue_path(struct buf *path, const struct queue_layout *layout, const char *queue,
                struct slice id);

/* rename(2) a message between queues; makes missing hash directories (0700). -1 with errno. */
MUST_USE int queue_rename(const struct queue_layout *layout, struct slice id, const char *from,
                          const char *to);
/* unlink(2) the file of the ID in that queue. -1 with errno. */
MUST_USE int queue_remove(const struct queue_layout *layout, const char *queue,
                          struct slice id);
/* open(2) with flags; -1 with errno. */
MUST_USE int queue_open(const struct queue_layout *layout, const char *queue, struct slice id,
                        int flags);

/*
 * Walk a queue directory at any hash depth. IDs come in directory order; a huge directory is
 * never read as a whole. Files with names that are no queue ID are skipped.
 */
struct queue_scan;
MUST_USE struct queue_scan *queue_scan_open(const char *queue); /* NULL with errno */
/* 1 and *id (valid until the next call), 0 at the end, -1 with errno. */
MUST_USE int queue_scan_next(struct queue_scan *scan, struct slice *id);
/* The path of what queue_scan_next returned last, relative as the queue name was. */
const char *queue_scan_path(const struct queue_scan *scan);
/* open(2) that file; without O_CREAT. -1 with errno. */
MUST_USE int queue_scan_open_file(const struct queue_scan *scan, int flags);
/* Let queue_scan_next also return names that are no queue ID (for postsuper -p). */
void queue_scan_include_temporaries(struct queue_scan *scan);
/* Remove empty directories more than depth levels below the queue, when the scan leaves them.
 */
void queue_scan_remove_empty(struct queue_scan *scan, int depth);
void queue_scan_close(struct queue_scan *scan);
