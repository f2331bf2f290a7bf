/*
 * The lines of main.cf, master.cf and look-up table sources: a line that starts with white
 * space continues the one before; comments and empty lines are skipped, also in between.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

struct logical_lines {
    struct slice rest; /* what is not read yet */
    int next_line;     /* number of the next physical line, from 1 */
    int line;          /* where the line that was returned last starts */
};

void logical_lines_init(struct logical_lines *lines, struct slice text);

/*
 * Put the next logical line into *line (replacing its contents), without line ends and white
 * space at its end. False at the end. A line that starts with white space although none is
 * there to continue is returned as it is: the caller complains.
 */
bool logical_lines_next(struct logical_lines *lines, struct buf *line);
