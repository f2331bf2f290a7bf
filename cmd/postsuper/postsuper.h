/*
 * What the parts of postsuper share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mail/queue_id.h"

/* What can be done to a message; in the order in which totals are reported. */
enum verb {
    VERB_REQUEUE,
    VERB_DELETE,
    VERB_EXPIRE,
    VERB_HOLD,
    VERB_RELEASE,
    VERBS,
    VERB_EXPIRE_AND_RELEASE = VERBS, /* -f: two in one, counted as VERB_EXPIRE and _RELEASE */
};

#define QUEUES_MAX 16

/* The directories to work on, by the arguments or the default. */
struct queues {
    const char *names[QUEUES_MAX];
    size_t count;
    bool given; /* by arguments */
};

struct totals {
    bool wanted[VERBS]; /* reported even if it is 0 */
    unsigned long done[VERBS];
    unsigned long renamed; /* to match an inode number */
};

#define LOG_QUEUES 3

struct superintendent {
    struct queue_layout layout;
    struct queues queues;
    struct totals totals;
    bool has_no_logs[LOG_QUEUES]; /* seen to be empty a moment ago */
};

/* bounce, defer and trace: what happened to a message so far, under the message's name. */
extern const char *const log_queues[];

/* requests.c */

/* Do it to one message, wherever among the queues it is. */
void request_one(struct superintendent *superintendent, enum verb verb, struct slice id);
/* The same for each ID, one a line, on standard input. */
void request_from_stdin(struct superintendent *superintendent, enum verb verb);
/* Do it to all messages in the queues. `wanted` are the verbs of the options with ALL. */
void request_all(struct superintendent *superintendent, const bool wanted[VERBS + 1]);
/* Log how many messages each of the wanted verbs was done to. */
void report_totals(const struct totals *totals);

/* structure.c */

struct checks {
    bool purge;         /* -p: old temporary files */
    bool structure;     /* -s: names and places */
    bool long_ids_too;  /* -S: long IDs, too, must match the inode number */
    bool long_ids_stay; /* enable_long_queue_ids; otherwise they become short ones */
};

/* Check all files of the queues (default: all of them), and repair. */
void check_structure(struct superintendent *superintendent, const struct checks *checks);
