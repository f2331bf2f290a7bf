/*
 * Reads the messages of a listing ahead of it, in order, in two threads besides the caller's:
 * opening and reading is nearly all of the work, and on a cold disk each file is a wait.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "mail/queue_id.h"
#include "quick.h"

struct ahead_message {
    struct buf path;       /* of the queue file */
    struct slice queue_id; /* in path */
    int fd;                /* the queue file; -1: gone, or still being written */
    struct stat file;
    int log_fd;    /* its log in defer/; -1: none */
    bool is_quick; /* of the common kind: message and defer_log hold all of it */
    struct quick_message message;
    struct quick_list defer_log;
    bool is_read; /* for ahead.c */
};

void ahead_start(const struct queue_layout *layout);
/* Drop what was added and not taken. */
void ahead_end(void);
/* True: ahead_add may be called. */
bool ahead_has_room(void);
/* One more message: what queue_scan_next returned last. */
void ahead_add(const struct queue_scan *scan, struct slice queue_id);
/*
 * The oldest message that was added and not yet taken, read; NULL: there is none. It is valid
 * until the next call. The descriptors are the caller's.
 */
struct ahead_message *ahead_take(void);
/* A file of the queue, for reading. -1 with errno. */
MUST_USE int ahead_open_file(const char *path);
