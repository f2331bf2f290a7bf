#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"

enum owner { OWNER_ROOT, OWNER_MAIL, OWNER_MAIL_AND_GROUP };

/* queue format, section 1 */
static const struct {
    const char *name; /* below queue_directory; NULL: data_directory */
    enum owner owner;
    mode_t mode;
} directories[] = {
    {"", OWNER_ROOT, 0755},
    {"active", OWNER_MAIL, 0700},
    {"bounce", OWNER_MAIL, 0700},
    {"corrupt", OWNER_MAIL, 0700},
    {"defer", OWNER_MAIL, 0700},
    {"deferred", OWNER_MAIL, 0700},
    {"flush", OWNER_MAIL, 0700},
    {"hold", OWNER_MAIL, 0700},
    {"incoming", OWNER_MAIL, 0700},
    {"maildrop", OWNER_MAIL_AND_GROUP, 0730},
    {"pid", OWNER_ROOT, 0755},
    {"private", OWNER_MAIL, 0700},
    {"public", OWNER_MAIL_AND_GROUP, 0710},
    {"saved", OWNER_MAIL, 0700},
    {"trace", OWNER_MAIL, 0700},
    {NULL, OWNER_MAIL, 0700},
};

struct ids {
    uid_t mail_owner;
    gid_t mail_group, setgid_group;
    bool is_root;
};

static int find_ids(struct ids *ids, struct error *error)
{
    const struct passwd *owner = getpwnam(params.mail_owner);
    const struct group *group = getgrnam(params.setgid_group);

    *ids = (struct ids){.is_root = geteuid() == 0};
    if (!owner)
        return error_set(error, ERROR_PERMANENT, "mail_owner = %s: no such user",
                         params.mail_owner);
    if (!group)
        return error_set(error, ERROR_PERMANENT, "setgid_group = %s: no such group",
                         params.setgid_group);
    ids->mail_owner = owner->pw_uid;
    ids->mail_group = owner->pw_gid;
    ids->setgid_group = group->gr_gid;
    if (ids->is_root || ids->mail_owner == geteuid())
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "run by user id %ld, but mail_owner = %s: an ordinary user can only run "
                     "an instance of their own",
                     (long)geteuid(), params.mail_owner);
}

static void directory_path(struct buf *path, const char *name)
{
    buf_set_text(path, name ? params.queue_directory : params.data_directory);
    if (name && *name)
        buf_printf(path, "/%s", name);
}

static int set_owner_and_mode(const char *path, const struct ids *ids, size_t i,
                              struct error *error)
{
    uid_t uid = directories[i].owner == OWNER_ROOT ? 0 : ids->mail_owner;
    gid_t gid = directories[i].owner == OWNER_MAIL_AND_GROUP ? ids->setgid_group : (gid_t)-1;

    if (ids->is_root && chown(path, uid, gid) < 0)
        return error_set(error, ERROR_PERMANENT, "chown %s: %m", path);
    if (chmod(path, directories[i].mode) < 0)
        return error_set(error, ERROR_PERMANENT, "chmod %s: %m", path);
    return 0;
}

static int create_one(const char *path, const struct ids *ids, size_t i, struct error *error)
{
    struct stat status;

    if (stat(path, &status) == 0) {
        if (!S_ISDIR(status.st_mode))
            return error_set(error, ERROR_PERMANENT, "%s is not a directory", path);
        return 0;
    }
    if (path_make_parents(path, 0755) < 0 || mkdir(path, directories[i].mode) < 0)
        return error_set(error, ERROR_PERMANENT, "create directory %s: %m", path);
    return set_owner_and_mode(path, ids, i, error);
}

int spool_create(struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct ids ids;

    if (find_ids(&ids, error) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        directory_path(&path, directories[i].name);
        if (create_one(path.data, &ids, i, error) < 0)
            return -1;
    }
    return 0;
}

static int warn(const char *what, const char *path)
{
    log_warning("%s: %s", what, path);
    return 1;
}

static int check_one(const char *path, const struct ids *ids, size_t i)
{
    CLEANUP(buf_release) struct buf what = BUF_INIT;
    bool by_root = directories[i].owner == OWNER_ROOT;
    struct stat status;
    int n = 0;

    if (stat(path, &status) < 0)
        return warn("missing directory", path);
    if (ids->is_root && status.st_uid != (by_root ? 0 : ids->mail_owner)) {
        buf_printf(&what, "not owned by %s", by_root ? "root" : params.mail_owner);
        n += warn(what.data, path);
    }
    if (ids->is_root && directories[i].owner == OWNER_MAIL_AND_GROUP &&
        status.st_gid != ids->setgid_group) {
        buf_reset(&what);
        buf_printf(&what, "not owned by group %s", params.setgid_group);
        n += warn(what.data, path);
    }
    if ((status.st_mode & ~directories[i].mode & 0777) != 0 && directories[i].name)
        n += warn("more permissions than it should have", path);
    if ((directories[i].mode & ~status.st_mode & 0777) != 0)
        n += warn("fewer permissions than it needs", path);
    return n;
}

int spool_check(void)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;
    struct ids ids;
    int n = 0;

    if (find_ids(&ids, &error) < 0) {
        log_error("%s", error.text);
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        directory_path(&path, directories[i].name);
        n += check_one(path.data, &ids, i);
    }
    return n;
}

int spool_set_permissions(struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct ids ids;

    if (spool_create(error) < 0 || find_ids(&ids, error) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        directory_path(&path, directories[i].name);
        if (set_owner_and_mode(path.data, &ids, i, error) < 0)
            return -1;
    }
    return 0;
}
