/*
 * The way to postdrop: records go to its standard input, its verdict comes back.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct drop {
    int input, output; /* of postdrop, as seen from here */
    pid_t pid;
    struct buf records; /* not yet written */
    bool is_broken;     /* it does not read any more: its verdict says why */
};

/* Start it. Trouble ends the program. */
void drop_start(struct drop *drop);
void drop_put(struct drop *drop, char type, struct slice data);
void drop_put_attribute(struct drop *drop, const char *name, const char *value);

/* Send the rest and wait. NULL: it is in the queue; else why not, for the user. */
MUST_USE const char *drop_finish(struct drop *drop);
