/*
 * Effective user and group.
 */
#include "table/as_owner.h"

#include <fcntl.h>
#include <libgen.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"

int as_owner_begin(struct as_owner *owner, const struct stat *status, const char *path,
                   struct error *error)
{
    CLEANUP(mem_free_text) char *copy = mem_dup_text(path);
    const char *directory = dirname(copy);

    owner->is_changed = geteuid() == 0 && status->st_uid != 0;
    if (!owner->is_changed)
        return 0;
    if (setegid(status->st_gid) < 0 || seteuid(status->st_uid) < 0) {
        error_set(error, ERROR_TEMPORARY, "become the owner of %s: %m", path);
        as_owner_end(owner);
        return -1;
    }
    if (faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) < 0)
        as_owner_end(owner);
    return 0;
}

void as_owner_end(struct as_owner *owner)
{
    if (!owner->is_changed)
        return;
    owner->is_changed = false;
    bug_if(seteuid(0) < 0 || setegid(0) < 0);
}
