/*
 * What a worker gives up before it meets the network: root's rights, and sight of the file
 * system where master.cf says so.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/bug.h"
#include "conf/params.h"
#include "worker/process.h"

static const struct passwd *find_owner(void)
{
    const struct passwd *owner = getpwnam(params.mail_owner);

    if (!owner)
        fatal(1, "mail_owner: unknown user: %s", params.mail_owner);
    if (owner->pw_uid == 0)
        fatal(1, "mail_owner: user %s has the privileges of root", params.mail_owner);
    return owner;
}

/* For good, or where users will be changed so that root can be had back (seteuid(0)). */
static void become(const struct passwd *owner)
{
    if (setgroups(1, &owner->pw_gid) < 0)
        fatal(1, "setgroups: %m");
    if (process.worker->needs_root) {
        if (setegid(owner->pw_gid) < 0 || seteuid(owner->pw_uid) < 0)
            fatal(1, "become user %s: %m", params.mail_owner);
        return;
    }
    if (setresgid(owner->pw_gid, owner->pw_gid, owner->pw_gid) < 0 ||
        setresuid(owner->pw_uid, owner->pw_uid, owner->pw_uid) < 0)
        fatal(1, "become user %s: %m", params.mail_owner);
}

void worker_enter_jail(void)
{
    if (!process.is_privileged)
        return;
    const struct passwd *owner = find_owner();

    if (process.arguments.is_chrooted && (chroot(".") < 0 || chdir("/") < 0))
        fatal(1, "chroot %s: %m", params.queue_directory);
    become(owner);
}
