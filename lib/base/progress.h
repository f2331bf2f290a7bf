/*
 * How far long work has come, for who waits at a terminal: a line on standard error that is
 * written over, and is gone in the end. Nothing is shown where standard error is no terminal,
 * or before the work has taken a second.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* "messages"; outlives the struct */
    int64_t count;
    int64_t next_ms; /* when to show the next number */
    bool is_on, is_shown;
};

void progress_begin(struct progress *progress, const char *what);
/* One more is done. Cheap. */
void progress_step(struct progress *progress);
/* Remove the line; to be called before other output, too. Harmless at any time. */
void progress_end(struct progress *progress);
