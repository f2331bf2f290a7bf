#include "expand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "system_user.h"

enum { FILE_MAX_BYTES = 16 << 20, INCLUDE_DEPTH_MAX = 20 };

/* "~/file" and "~user/file" of a .forward, as a path. */
static enum system_user_result in_home(struct arena *arena, struct slice text,
                                       const struct origin *origin, struct slice *path)
{
    struct slice rest = slice_from_offset(text, 1);
    struct slice name = slice_split(&rest, '/');
    const struct passwd *user;

    if (name.len == 0 && origin->kind == ORIGIN_FORWARD)
        name = origin->name;
    if (name.len == 0)
        return SYSTEM_USER_UNKNOWN;
    enum system_user_result result = system_user_find(name, arena, &user);

    if (result == SYSTEM_USER_FOUND)
        *path = slice_from(arena_printf(arena, "%s/%.*s", user->pw_dir, SLICE_ARG(rest)));
    return result;
}

static void add_in_home(struct job *job, struct slice text, const struct origin *origin)
{
    struct slice path;
    struct dsn dsn;

    switch (in_home(&job->delivery->arena, text, origin, &path)) {
    case SYSTEM_USER_FOUND:
        job_add(job, TARGET_FILE, path, origin);
        return;
    case SYSTEM_USER_ERROR:
        log_warning("look up home directory for %.*s: %m", SLICE_ARG(text));
        delivery_dsn(job->delivery, &dsn, "4.3.0", "user database unavailable");
        break;
    case SYSTEM_USER_UNKNOWN:
    default:
        log_warning("unknown home directory for: %.*s", SLICE_ARG(text));
        delivery_dsn(job->delivery, &dsn, "5.3.5", "mail system configuration error");
    }
    job_ended(job, origin->address, &dsn);
}

/* What is listed, however it is quoted: its first character says what it is. */
static void add_entry(struct job *job, struct slice text, const struct origin *origin)
{
    if (slice_starts_with(text, "|"))
        job_add(job, TARGET_COMMAND, slice_trim(slice_from_offset(text, 1)), origin);
    else if (slice_starts_with(text, "/"))
        job_add(job, TARGET_FILE, text, origin);
    else if (slice_starts_with(text, "~"))
        add_in_home(job, text, origin);
    else if (slice_starts_with_nocase(text, ":include:"))
        job_add(job, TARGET_INCLUDE, slice_trim(slice_from_offset(text, strlen(":include:"))),
                origin);
    else
        job_add(job, TARGET_ADDRESS, text, origin);
}

/* A line is a list of addresses as in a header: a command with blanks needs its quotes. */
static size_t expand_line(struct job *job, struct slice line, const struct origin *origin)
{
    CLEANUP(arena_release) struct arena scratch = ARENA_INIT;
    struct arena *arena = &job->delivery->arena;
    struct header_address_list list;
    size_t n = 0;

    header_address_parse(line, &scratch, SIZE_MAX, &list);
    for (size_t i = 0; i < list.n_addresses; i++) {
        struct slice address = list.addresses[i].address;
        bool is_literal = slice_starts_with(address, "\\");
        struct slice text = address_unquoted(arena, slice_from_offset(address, is_literal));

        if (address.len == 0)
            continue;
        if (is_literal) /* the user, whatever the aliases say */
            job_add(job, TARGET_ADDRESS,
                    slice_from(arena_printf(arena, "\\%.*s", SLICE_ARG(text))), origin);
        else
            add_entry(job, text, origin);
        n++;
    }
    return n;
}

size_t expand_list(struct job *job, struct slice text, const struct origin *origin)
{
    size_t n = 0;

    while (text.len > 0) {
        struct slice line = slice_split(&text, '\n');

        line = slice_sub(line, 0, slice_find(line, '\0'));
        if (!slice_starts_with(line, "#"))
            n += expand_line(job, line, origin);
    }
    return n;
}

/* -- :include: --------------------------------------------------------------------------------
 */

/* Lists of a table that is root's own are root's to read. */
static const struct user root = {.uid = 0, .gid = 0};

/* Open as the origin's user would: a list may not show files to who may not read them. */
static int open_include(const char *path, const struct user *user, struct stat *file,
                        struct buf *text, struct error *error)
{
    if (user_become(user, error) < 0)
        return -1;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int saved = errno;
    user_return();
    errno = saved;
    /* One that we may not read is there: its mode is mended in a minute, and the mail waits. */
    if (fd < 0)
        return error_set(error,
                         errno == EACCES || errno == EPERM ? ERROR_TEMPORARY : ERROR_PERMANENT,
                         "unable to lookup :include: file %s: %m", path);
    if (fstat(fd, file) < 0)
        return error_set(error, ERROR_TEMPORARY, "fstat %s: %m", path);
    if (!S_ISREG(file->st_mode))
        return error_set(error, ERROR_PERMANENT, ":include: file %s is not a regular file",
                         path);
    if (file->st_mode & S_IWOTH)
        return error_set(error, ERROR_PERMANENT, ":include: file %s is world writable", path);
    if (fd_read_all(fd, text, FILE_MAX_BYTES, error) < 0)
        return error_context(error, ":include: file %s", path);
    return 0;
}

static const struct origin *include_origin(struct job *job, struct slice path,
                                           const struct origin *parent, const struct stat *file)
{
    struct origin *origin = arena_new(&job->delivery->arena, struct origin);

    *origin = *parent;
    origin->kind = ORIGIN_INCLUDE;
    origin->parent = parent;
    origin->depth = parent->depth + 1;
    origin->name = path;
    /* Commands and files in it run as its owner; root's own as whoever included it. */
    if (file->st_uid != 0) {
        origin->user = (struct user){.uid = file->st_uid, .gid = file->st_gid};
        origin->has_user = true;
    }
    return origin;
}

void expand_include(struct job *job, struct slice path, const struct origin *origin)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    const char *name = arena_text(&job->delivery->arena, path);
    struct error error = ERROR_INIT;
    struct stat file = {0};
    struct dsn dsn;

    if (*name != '/')
        error_set(&error, ERROR_PERMANENT, ":include:%s uses a relative path", name);
    else if (origin->depth > INCLUDE_DEPTH_MAX)
        error_set(&error, ERROR_TEMPORARY, ":include: %s: nested too deep", name);
    else if (open_include(name, origin->has_user ? &origin->user : &root, &file, &text,
                          &error) == 0) {
        expand_list(job, buf_slice(&text), include_origin(job, path, origin, &file));
        return;
    }
    log_warning("%s", error.text);
    delivery_dsn(job->delivery, &dsn, error.kind == ERROR_PERMANENT ? "5.3.5" : "4.3.5",
                 "mail system configuration error");
    job_ended(job, origin->address, &dsn);
}
