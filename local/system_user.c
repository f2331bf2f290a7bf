#include "system_user.h"

#include <errno.h>

enum system_user_result system_user_find(struct slice name, struct arena *arena,
                                         const struct passwd **user)
{
    static char buffer[65536]; /* kept out of the arena: an alias may have many users */
    struct passwd found, *result;
    int trouble = getpwnam_r(arena_text(arena, name), &found, buffer, sizeof(buffer), &result);

    if (result) {
        struct passwd *copy = arena_new(arena, struct passwd);

        *copy = (struct passwd){
            .pw_name = arena_text(arena, slice_from(found.pw_name)),
            .pw_uid = found.pw_uid,
            .pw_gid = found.pw_gid,
            .pw_dir = arena_text(arena, slice_from(found.pw_dir)),
            .pw_shell = arena_text(arena, slice_from(found.pw_shell)),
        };
        *user = copy;
        return SYSTEM_USER_FOUND;
    }
    /* Any error number means that somebody who may know the name could not be asked. */
    if (trouble == 0)
        return SYSTEM_USER_UNKNOWN;
    errno = trouble;
    return SYSTEM_USER_ERROR;
}
