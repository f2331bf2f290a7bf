/*
 * The directories of an instance: made where they are missing, looked over where they exist.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"

/*
 * Make what is missing below queue_directory and data_directory, with the owners and modes of
 * the queue format (as an ordinary user: all his own). Reads params. Permanent error.
 */
MUST_USE int spool_create(struct error *error);

/* Log a warning for each wrong owner or mode; the number of warnings. */
int spool_check(void);

/* Give everything in the spool the owner and mode it should have. */
MUST_USE int spool_set_permissions(struct error *error);
