/*
 * What a worker gives up before it meets the network: root's rights, and sight of the file
 * system where master.cf says so.
 */
#include "worker/jail.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/bug.h"
#include "conf/params.h"
#include "delivery/user.h"
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

/* A sanitizer has errands of its own when the process ends. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/*
 * Not for workers that become other users: what they execute may be set-id, as postdrop behind
 * a script's sendmail is. A kernel that cannot do it is master's to mention.
 */
static void close_jail(void)
{
    struct error error;

    if (process.worker->needs_root || IS_SANITIZED)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fatal(1, "no_new_privs: %m");
    if (!process.worker->opens_files &&
        jail_close_files(params.data_directory, &error) == JAIL_ERROR)
        fatal(1, "%s", error.text);
    if (jail_close_calls(&error) == JAIL_ERROR)
        fatal(1, "%s", error.text);
}

static void give_up_root(void)
{
    const struct passwd *owner = find_owner();

    if (process.arguments.is_chrooted && (chroot(".") < 0 || chdir("/") < 0))
        fatal(1, "chroot %s: %m", params.queue_directory);
    become(owner);
}

void worker_enter_jail(void)
{
    if (process.is_privileged)
        give_up_root();
    user_has_changed();
    close_jail();
}
