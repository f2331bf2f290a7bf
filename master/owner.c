#include <pwd.h>
#include <unistd.h>

#include "base/bug.h"
#include "conf/params.h"
#include "master.h"

static bool is_entered;

int owner_enter(struct error *error)
{
    if (geteuid() != 0)
        return 0;
    const struct passwd *owner = getpwnam(params.mail_owner);

    if (!owner)
        return error_set(error, ERROR_PERMANENT, "mail_owner: unknown user: %s",
                         params.mail_owner);
    if (setegid(owner->pw_gid) < 0 || seteuid(owner->pw_uid) < 0)
        return error_set(error, ERROR_TEMPORARY, "become user %s: %m", params.mail_owner);
    is_entered = true;
    return 0;
}

void owner_leave(void)
{
    if (is_entered && (seteuid(0) < 0 || setegid(0) < 0))
        fatal(1, "become root again: %m");
    is_entered = false;
}
