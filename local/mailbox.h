/*
 * The ends of a local delivery: a user's mailbox, a command, a file.
 */
#pragma once

#include <pwd.h>

#include "base/compiler.h"
#include "job.h"

/* Open mailbox_command_maps, parse the lock methods; before the jail. */
void mailbox_open(void);

/*
 * By mailbox_command_maps, mailbox_command, home_mailbox or mail_spool_directory, as the user.
 * Accounts for it under the address.
 */
MAY_WAIT void mailbox_deliver(struct job *job, struct slice address, const struct passwd *user,
                              const struct origin *origin);

/* "|command" and "/file" of an alias, .forward or list; accounts for it. */
MAY_WAIT void mailbox_run_command(struct job *job, struct slice line,
                                  const struct origin *origin);
MAY_WAIT void mailbox_append_file(struct job *job, struct slice path,
                                  const struct origin *origin);
