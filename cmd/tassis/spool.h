/*
 * The directories of an instance: made where they are missing, looked over where they exist.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "report.h"

/*
 * Make what is missing below queue_directory and data_directory, with the owners and modes of
 * the queue format (as an ordinary user: all his own). Reads params. Permanent error.
 */
MUST_USE int spool_create(struct error *error);

/*
 * Report each wrong owner or mode: of the directories, and for root of queue files, of the
 * configuration and of the set-gid commands.
 */
void spool_check(struct report *to);

/* Give the spool's directories the owner and mode they should have. */
MUST_USE int spool_set_permissions(struct error *error);

/* The same for the set-gid commands, which may serve other instances, too; root's work alone.
 */
MUST_USE int spool_set_command_permissions(struct error *error);
