/*
 * One file of the maildrop directory on its way to cleanup.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/slice.h"

enum submission_end {
    SUBMISSION_DONE,      /* cleanup has it, or it was refused for good and bounced: remove */
    SUBMISSION_LATER,     /* try again at the next scan */
    SUBMISSION_MALFORMED, /* nobody can make a message of this */
    SUBMISSION_NOT_READY, /* still being written, or not ours to read: leave alone */
};

/* Copy the file at path to cleanup. Every outcome but DONE and NOT_READY has been logged. */
MUST_USE MAY_WAIT enum submission_end submission_forward(const char *path,
                                                         struct slice queue_id);
