/*
 * Becoming another user for a while: the one whose mailbox is written. For one-session workers
 * that master started with the right to do so; unprivileged they stay who they are.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/error.h"

struct user {
    uid_t uid;
    gid_t gid;
};

/*
 * The user= of master.cf: "name" or "name:group", where the group may be a number. Neither root
 * nor the mail owner (while we are root) is allowed. Permanent error; *user is as it was.
 */
MUST_USE int user_parse(struct user *user, const char *text, struct error *error);

/*
 * Take on the user's effective rights (uid, gid, no supplementary groups). While a process has
 * not the right to change users this does nothing. Temporary error.
 */
MUST_USE int user_become(const struct user *user, struct error *error);
/* Back to the mail owner's rights. A failure ends the process: it must not go on as a user. */
void user_return(void);
/* In a child, for good and irrevocably. Temporary error. */
MUST_USE int user_become_for_good(const struct user *user, struct error *error);
/* True when this process can change users. */
bool user_can_change(void);
/* The process has changed its ids otherwise than through these functions. */
void user_has_changed(void);

/* Send a signal to a process group that runs as another user. -1 with errno. */
MUST_USE int user_kill_group(pid_t group, int signal_number);
