/*
 * Reads what a listing needs of a message of the common kind: one or two reads for the queue
 * file, one for a status log, and nothing copied. What is out of the ordinary, be it large,
 * edited or damaged, is left to the thorough reader of mail/message.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"

enum { QUICK_RECIPIENTS_MAX = 100, QUICK_BYTES = 4096 };

/* Views of the reader's memory, valid until it reads the next of the kind. */
struct quick_recipient {
    struct slice address, original; /* from a log: in the quoted form */
    struct slice reason;            /* of a log */
    off_t offset;                   /* of the record */
};

struct quick_list {
    struct quick_recipient items[QUICK_RECIPIENTS_MAX];
    size_t count;
    char text[2 * QUICK_BYTES];
};

struct quick_message {
    int64_t size, arrival; /* bytes; seconds */
    struct slice sender;
    struct quick_list recipients; /* those that wait, in internal form */
};

/* Read the queue file. False: use the thorough reader. */
bool quick_read_message(struct quick_message *message, int fd);

/* Append the entries of the status log to the list. False: use the thorough reader. */
bool quick_read_log(struct quick_list *log, int fd);
