/*
 * Working for a while with the rights of the owner of a file.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "base/compiler.h"
#include "base/error.h"

struct as_owner {
    bool is_changed;
};

/*
 * For root: become the owner of the file at path with that status, so that what he can do to
 * its directory leads nowhere he has no right to go. Where the directory is closed to him he
 * can do nothing there, and we stay root. Others stay who they are.
 */
MUST_USE int as_owner_begin(struct as_owner *owner, const struct stat *status, const char *path,
                            struct error *error);
void as_owner_end(struct as_owner *owner);
