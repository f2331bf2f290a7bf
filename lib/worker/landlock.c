#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "worker/jail.h"

/* Later than the headers of Debian 12. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define ACCESS_READ LANDLOCK_ACCESS_FS_READ_FILE

/* All but executing, and but device nodes. */
#define ACCESS_ALL                                                                           \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |                          \
     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                          \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                            \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | \
     LANDLOCK_ACCESS_FS_TRUNCATE)

#define ACCESS_HANDLED                                                        \
    (ACCESS_ALL | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* What the C library looks into by itself; no secrets. Missing ones are no matter. */
static const char *const readable[] = {
    "/etc/services",  "/etc/nsswitch.conf", "/etc/hosts",   "/etc/resolv.conf",
    "/etc/host.conf", "/etc/gai.conf",      "/dev/urandom", "/etc/localtime",
};

/* The kernel's version of the interface; -1 without. */
static int abi_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* Version 1 forbids renaming between directories, which a queue consists of. */
static bool is_supported(void)
{
    return abi_version() >= 2;
}

static uint64_t known_access(uint64_t access)
{
    return abi_version() >= 3 ? access : access & ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
}

static int allow(int rules, const char *path, uint64_t access, struct error *error)
{
    CLEANUP(fd_close) int fd = open(path, O_PATH | O_CLOEXEC);
    const struct landlock_path_beneath_attr beneath = {.allowed_access = access,
                                                       .parent_fd = fd};

    if (fd < 0)
        return error_set(error, ERROR_TEMPORARY, "open %s: %m", path);
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return error_set(error, ERROR_TEMPORARY, "landlock %s: %m", path);
    return 0;
}

enum jail_result jail_close_files(const char *data, struct error *error)
{
    const struct landlock_ruleset_attr attributes = {.handled_access_fs =
                                                         known_access(ACCESS_HANDLED)};

    if (!is_supported())
        return JAIL_UNSUPPORTED;
    CLEANUP(fd_close)
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);

    if (rules < 0) {
        error_set(error, ERROR_TEMPORARY, "landlock: %m");
        return JAIL_ERROR;
    }
    if (allow(rules, ".", known_access(ACCESS_ALL), error) < 0)
        return JAIL_ERROR;
    /* Behind a chroot there is no such place, and nothing to protect it from. */
    (void)!allow(rules, data, known_access(ACCESS_ALL), NULL);
    for (size_t i = 0; i < ARRAY_SIZE(readable); i++)
        (void)!allow(rules, readable[i], ACCESS_READ, NULL);
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0) {
        error_set(error, ERROR_TEMPORARY, "landlock: %m");
        return JAIL_ERROR;
    }
    return JAIL_CLOSED;
}

bool jail_can_close_files(void)
{
    return is_supported();
}
