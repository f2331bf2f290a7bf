/*
 * The actions of header and body checks that cleanup and the delivery over SMTP have in common:
 * what a table's result makes of a line. Logs a warning about a result that makes no sense.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"

struct line_check {
    const char *map;  /* the parameter's name */
    bool is_body;     /* a body line; else a whole header */
    struct buf *line; /* without line end; REPLACE changes it */
    void *context;    /* for the functions */
    /* Say in the log what was done ("replace") with the line; text: what the table has to say.
     */
    void (*log)(void *context, const char *action, struct slice text);
    /* Write the text before the line. */
    void (*prepend)(void *context, struct slice text);
};

enum line_verdict {
    LINE_KEEP,
    LINE_DROP,    /* the line is not to be written */
    LINE_UNKNOWN, /* none of the common actions: nothing was done */
};

/* "REPLACE text": the action's word, and what stands behind it without blanks around. */
struct slice line_check_word(struct slice result, struct slice *text);

/* Do what the result says: DUNNO, IGNORE, INFO, OK, PREPEND, REPLACE, STRIP, WARN. */
MUST_USE MAY_WAIT enum line_verdict line_check_act(const struct line_check *check,
                                                   struct slice result);
