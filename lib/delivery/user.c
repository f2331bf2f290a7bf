#include "delivery/user.h"

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/slice.h"
#include "conf/params.h"

/*
 * Who the process is, so that a change for a while need not ask the system: the effective ids
 * to return to, and the effective user now.
 */
static struct {
    bool is_known, can_change;
    struct user owner;
    uid_t effective;
    bool has_become;
} identity;

static int parse_group(gid_t *gid, const char *name, struct error *error)
{
    const struct group *group = getgrnam(name);
    int64_t number;

    if (group)
        *gid = group->gr_gid;
    else if (slice_to_int(slice_from(name), 1, INT32_MAX, &number))
        *gid = (gid_t)number;
    else
        return error_set(error, ERROR_PERMANENT, "unknown group name: %s", name);
    return 0;
}

int user_parse(struct user *user, const char *text, struct error *error)
{
    struct slice rest = slice_from(text);
    CLEANUP(mem_free_text) char *name = slice_dup(slice_split(&rest, ':'));
    const struct passwd *passwd = getpwnam(name);
    struct user found;

    if (!passwd)
        return error_set(error, ERROR_PERMANENT, "unknown user name: %s", name);
    found = (struct user){.uid = passwd->pw_uid, .gid = passwd->pw_gid};
    if (rest.len && parse_group(&found.gid, rest.ptr, error) < 0)
        return -1;
    if (found.uid == 0 || found.gid == 0)
        return error_set(error, ERROR_PERMANENT,
                         "user= command-line attribute specifies root privileges");
    if (geteuid() == 0 && strcmp(name, params.mail_owner) == 0)
        return error_set(error, ERROR_PERMANENT,
                         "user= command-line attribute specifies mail system owner %s", name);
    *user = found;
    return 0;
}

static void know_identity(void)
{
    uid_t real, effective, saved;

    if (identity.is_known)
        return;
    identity.is_known = true;
    identity.owner = (struct user){.uid = geteuid(), .gid = getegid()};
    identity.effective = identity.owner.uid;
    identity.can_change = getresuid(&real, &effective, &saved) == 0 &&
                          (real == 0 || effective == 0 || saved == 0);
}

bool user_can_change(void)
{
    know_identity();
    return identity.can_change;
}

void user_has_changed(void)
{
    identity.is_known = false;
}

static int become_effective(uid_t uid)
{
    if (identity.effective == uid)
        return 0;
    if (seteuid(uid) < 0)
        return -1;
    identity.effective = uid;
    return 0;
}

/* Groups are root's to change. */
static int change_to(const struct user *user)
{
    return become_effective(0) < 0 || setgroups(1, &user->gid) < 0 || setegid(user->gid) < 0 ||
                   become_effective(user->uid) < 0
               ? -1
               : 0;
}

int user_become(const struct user *user, struct error *error)
{
    if (!user_can_change())
        return 0;
    identity.has_become = true;
    if (change_to(user) < 0) {
        error_set(error, ERROR_TEMPORARY, "become user %ld, group %ld: %m", (long)user->uid,
                  (long)user->gid);
        user_return();
        return -1;
    }
    return 0;
}

void user_return(void)
{
    if (!identity.has_become)
        return;
    if (change_to(&identity.owner) < 0)
        fatal(EX_OSERR, "return to user %ld, group %ld: %m", (long)identity.owner.uid,
              (long)identity.owner.gid);
    identity.has_become = false;
}

int user_become_for_good(const struct user *user, struct error *error)
{
    if (!user_can_change())
        return 0;
    identity.is_known = false;
    if ((geteuid() != 0 && seteuid(0) < 0) || setgroups(1, &user->gid) < 0 ||
        setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return error_set(error, ERROR_TEMPORARY, "become user %ld, group %ld: %m",
                         (long)user->uid, (long)user->gid);
    return 0;
}

int user_kill_group(pid_t group, int signal_number)
{
    uid_t effective = geteuid();
    bool raised = effective != 0 && user_can_change() && seteuid(0) == 0;
    int result = kill(-group, signal_number);

    if (raised && seteuid(effective) < 0)
        fatal(EX_OSERR, "return to user %ld: %m", (long)effective);
    return result;
}
