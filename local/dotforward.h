/*
 * A user's .forward file, and luser_relay for those who are no user.
 */
#pragma once

#include <pwd.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "job.h"

/*
 * Append what the first readable file of forward_path lists. False: there is none, it is empty,
 * or the address comes from that very file: deliver to the mailbox.
 */
MUST_USE MAY_WAIT bool dotforward_expand(struct job *job, struct slice address,
                                         const struct passwd *user,
                                         const struct origin *origin);

/*
 * command_execution_directory for the address (passwd may be NULL), which knows the same names
 * as forward_path. NULL: none is set. -1: it cannot be expanded, which has been logged.
 */
MUST_USE int dotforward_command_directory(struct job *job, struct slice address,
                                          const struct passwd *passwd, const char **directory);

/* Append luser_relay in place of an unknown user. False: it is not set. */
MUST_USE MAY_WAIT bool dotforward_luser_relay(struct job *job, struct slice address,
                                              const struct origin *origin);
