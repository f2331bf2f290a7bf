#include "spool.h"

#include <fcntl.h>
#include <fts.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "mail/unnamed_file.h"

/* Of what may be thousands alike. */
enum { WRONG_FILES_SHOWN = 20 };

enum owner { OWNER_ROOT, OWNER_MAIL, OWNER_MAIL_AND_GROUP };

enum trait {
    HAS_QUEUE_FILES = 1, /* which belong to the mail owner, too */
    MAY_LACK = 2,        /* a spool that Postfix made has none, until the next start */
};

/* queue format, section 1; the staging directories are ours alone (mail/unnamed_file.h) */
static const struct {
    const char *name; /* below queue_directory; NULL: data_directory */
    enum owner owner;
    mode_t mode;
    unsigned traits;
} directories[] = {
    {"", OWNER_ROOT, 0755, 0},
    {"active", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"bounce", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"corrupt", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"defer", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"deferred", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"flush", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"hold", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"incoming", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"maildrop", OWNER_MAIL_AND_GROUP, 0730, 0},
    {"pid", OWNER_ROOT, 0755, 0},
    {"private", OWNER_MAIL, 0700, 0},
    {"public", OWNER_MAIL_AND_GROUP, 0710, 0},
    {"saved", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {"staging", OWNER_ROOT, 0755, MAY_LACK}, /* so nobody can exchange what is in it */
    {"staging/0", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/1", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/2", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/3", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/4", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/5", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/6", OWNER_MAIL, 0700, MAY_LACK},
    {"staging/7", OWNER_MAIL, 0700, MAY_LACK},
    {"trace", OWNER_MAIL, 0700, HAS_QUEUE_FILES},
    {NULL, OWNER_MAIL, 0700, 0},
};

_Static_assert(STAGING_DIRECTORIES == 8, "a row for each staging directory");

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
    if (!owner) {
        error_set(error, ERROR_PERMANENT, "mail_owner = %s: no such user", params.mail_owner);
        return main_cf_context(conf_main_cf(), "mail_owner", error);
    }
    if (!group) {
        error_set(error, ERROR_PERMANENT, "setgid_group = %s: no such group",
                  params.setgid_group);
        return main_cf_context(conf_main_cf(), "setgid_group", error);
    }
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
    const char *name = directories[i].name;
    uid_t uid = directories[i].owner == OWNER_ROOT ? 0 : ids->mail_owner;
    gid_t gid = directories[i].owner == OWNER_MAIL_AND_GROUP ? ids->setgid_group : (gid_t)-1;
    /* A link in the queue directory is the administrator's; further below it may be anybody's.
     */
    int links = name && strchr(name, '/') ? O_NOFOLLOW : 0;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | links);

    if (fd < 0)
        return error_set(error, ERROR_PERMANENT, "open directory %s: %m", path);
    if (ids->is_root && fchown(fd, uid, gid) < 0)
        return error_set(error, ERROR_PERMANENT, "chown %s: %m", path);
    if (fchmod(fd, directories[i].mode) < 0)
        return error_set(error, ERROR_PERMANENT, "chmod %s: %m", path);
    return 0;
}

/* Asks the file system to spread what is below it. Where it does not know that, so be it. */
static void spread_below(const char *path)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int flags = 0;

    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    flags |= FS_TOPDIR_FL;
    (void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
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
    if (directories[i].name && strcmp(directories[i].name, "staging") == 0)
        spread_below(path);
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

static void warn(struct report *to, const char *path, const char *what)
{
    report(to, SEVERITY_WARNING, (struct place){.kind = "permissions", .file = path}, "%s",
           what);
}

static void check_owner(struct report *to, const char *path, const struct stat *status,
                        const struct ids *ids, enum owner owner)
{
    CLEANUP(buf_release) struct buf what = BUF_INIT;

    if (status->st_uid != (owner == OWNER_ROOT ? 0 : ids->mail_owner)) {
        buf_printf(&what, "not owned by %s", owner == OWNER_ROOT ? "root" : params.mail_owner);
        warn(to, path, what.data);
    }
    if (owner == OWNER_MAIL_AND_GROUP && status->st_gid != ids->setgid_group) {
        buf_reset(&what);
        buf_printf(&what, "not owned by group %s", params.setgid_group);
        warn(to, path, what.data);
    }
}

static void check_one(struct report *to, const char *path, const struct ids *ids, size_t i)
{
    CLEANUP(buf_release) struct buf what = BUF_INIT;
    mode_t wanted = directories[i].mode;
    struct stat status;

    if (stat(path, &status) < 0) {
        if (!(directories[i].traits & MAY_LACK))
            warn(to, path, "missing directory");
        return;
    }
    if (ids->is_root)
        check_owner(to, path, &status, ids, directories[i].owner);
    if ((status.st_mode & ~wanted & 0777) != 0 && directories[i].name)
        buf_printf(&what, "more permissions than it should have: %04o instead of %04o",
                   status.st_mode & 07777U, wanted);
    else if ((wanted & ~status.st_mode & 0777) != 0)
        buf_printf(&what, "fewer permissions than it needs: %04o instead of %04o",
                   status.st_mode & 07777U, wanted);
    if (what.len > 0)
        warn(to, path, what.data);
}

/* Queue files belong to the mail owner: whoever else owns one, nobody can read or remove it. */
static void check_queue_files(struct report *to, const struct ids *ids, char *const folders[])
{
    FTS *tree = fts_open(folders, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    int n = 0;

    if (!tree)
        return;
    while ((entry = fts_read(tree))) {
        if (entry->fts_level == 0 || entry->fts_info == FTS_DP ||
            (entry->fts_info != FTS_F && entry->fts_info != FTS_D) ||
            entry->fts_statp->st_uid == ids->mail_owner)
            continue;
        if (n++ < WRONG_FILES_SHOWN) {
            CLEANUP(buf_release) struct buf what = BUF_INIT;

            buf_printf(&what, "not owned by %s", params.mail_owner);
            warn(to, entry->fts_path, what.data);
        }
    }
    fts_close(tree);
    if (n > WRONG_FILES_SHOWN) {
        report(to, SEVERITY_WARNING,
               (struct place){.kind = "permissions", .file = params.queue_directory},
               "%d further files are not owned by %s", n - WRONG_FILES_SHOWN,
               params.mail_owner);
    }
}

static void check_queues(struct report *to, const struct ids *ids)
{
    char *folders[ARRAY_SIZE(directories) + 1] = {NULL};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        struct buf path = BUF_INIT;

        if (!(directories[i].traits & HAS_QUEUE_FILES))
            continue;
        directory_path(&path, directories[i].name);
        folders[n++] = buf_take(&path);
    }
    check_queue_files(to, ids, folders);
    while (n > 0)
        mem_free(folders[--n]);
}

/* Whoever can write what root's programs read can be root. */
static void check_configuration_files(struct report *to)
{
    static const char *const names[] = {"", "main.cf", "master.cf"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct stat status;

        buf_printf(&path, "%s%s%s", params.config_directory, *names[i] ? "/" : "", names[i]);
        if (stat(path.data, &status) < 0)
            continue;
        if (status.st_uid != 0)
            warn(to, path.data, "not owned by root");
        if (status.st_mode & (S_IWGRP | S_IWOTH))
            warn(to, path.data, "group or other writable");
    }
}

/* Without them nobody but root can send mail or see the queue. */
static void check_set_gid_programs(struct report *to, const struct ids *ids)
{
    static const char *const names[] = {"postdrop", "postqueue"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct stat status;

        buf_printf(&path, "%s/%s", params.command_directory, names[i]);
        if (stat(path.data, &status) < 0)
            warn(to, path.data, "missing command");
        else if (status.st_gid != ids->setgid_group || !(status.st_mode & S_ISGID) ||
                 (status.st_mode & 0111) != 0111)
            warn(to, path.data,
                 "not set-gid, or not executable by all: tassis set-permissions "
                 "makes it so");
    }
}

void spool_check(struct report *to)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct error error;
    struct ids ids;

    if (find_ids(&ids, &error) < 0) {
        report(to, SEVERITY_ERROR, (struct place){.kind = "spool"}, "%s", error.text);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        directory_path(&path, directories[i].name);
        check_one(to, path.data, &ids, i);
    }
    if (!ids.is_root)
        return;
    check_queues(to, &ids);
    check_configuration_files(to);
    check_set_gid_programs(to, &ids);
}

int spool_set_command_permissions(struct error *error)
{
    static const char *const names[] = {"postdrop", "postqueue", "postlog"};
    struct ids ids;

    if (find_ids(&ids, error) < 0)
        return -1;
    for (size_t i = 0; ids.is_root && i < ARRAY_SIZE(names); i++) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;

        buf_printf(&path, "%s/%s", params.command_directory, names[i]);
        if (access(path.data, F_OK) == 0 &&
            (chown(path.data, 0, ids.setgid_group) < 0 || chmod(path.data, 02755) < 0))
            return error_set(error, ERROR_PERMANENT, "set-gid for %s: %m", path.data);
    }
    return 0;
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
