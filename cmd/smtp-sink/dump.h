/*
 * The file that holds what came: one for each message, or one for many.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"

struct dump {
    FILE *file; /* NULL: nothing is dumped */
    struct buf path, mailbox;
    char id[9]; /* eight hexadecimal digits */
};

struct dump_envelope {
    const char *client;   /* address */
    const char *protocol; /* "ESMTP" */
    struct slice helo;    /* ptr NULL: there was none */
};

/*
 * Begin a message. Trouble with files ends the program, since what it was started for has
 * failed.
 */
void dump_open(struct dump *dump, const struct dump_envelope *envelope, struct slice sender);
void dump_recipient(struct dump *dump, struct slice recipient);
/* What comes before the text, which the caller writes to dump->file. */
void dump_trace(struct dump *dump, const struct dump_envelope *envelope);
/* The message is complete. */
void dump_finish(struct dump *dump);
/* It never will be: nothing stays. For CLEANUP, too; harmless when nothing is open. */
void dump_drop(struct dump *dump);
