/*
 * tassis import: copying a configuration.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"

/*
 * Put a copy of all that is below the directory `from` in place of `to`, as one step: a crash
 * leaves the old or the new. What was at `to` is kept as a directory beside it, whose name is
 * put into `backup`. What main.cf at `to` says of places, users and groups of the instance
 * stays. Permanent error.
 */
struct buf;
MUST_USE int import_config_copy(const char *from, const char *to, struct buf *backup,
                                struct error *error);
