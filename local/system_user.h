/*
 * Users of the system, who have mailboxes and home directories here.
 */
#pragma once

#include <pwd.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"

enum system_user_result {
    SYSTEM_USER_FOUND,
    SYSTEM_USER_UNKNOWN,
    SYSTEM_USER_ERROR, /* a source of names could not be asked: errno says why */
};

/* Look up a name; *user lies in the arena, without password and full name. */
MUST_USE enum system_user_result system_user_find(struct slice name, struct arena *arena,
                                                  const struct passwd **user);
