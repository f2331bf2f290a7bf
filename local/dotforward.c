#include "dotforward.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/expand.h"
#include "conf/params.h"
#include "conf/words.h"
#include "expand.h"
#include "mail/address.h"

enum { FILE_MAX_BYTES = 1 << 20 };

/* What $name means in forward_path, luser_relay and command_execution_directory. */
struct names {
    struct arena *arena;
    struct slice address, local, user, extension;
    const struct passwd *passwd; /* NULL for an unknown user */
    bool used_extension;
};

static const char *look_up_name(void *context, struct slice name)
{
    struct names *names = context;

    if (slice_equals(name, "extension")) {
        names->used_extension = true;
        return names->extension.len ? arena_text(names->arena, names->extension) : NULL;
    }
    if (slice_equals(name, "recipient_delimiter")) {
        /* The one that was used, where there are several; else the first. */
        struct slice used = names->extension.len
                                ? slice_from_offset(names->local, names->user.len)
                                : slice_from(params.recipient_delimiter);

        return used.len ? arena_text(names->arena, slice_sub(used, 0, 1)) : NULL;
    }
    if (slice_equals(name, "user"))
        return arena_text(names->arena, names->user);
    if (slice_equals(name, "local"))
        return arena_text(names->arena, names->local);
    if (slice_equals(name, "domain"))
        return arena_text(names->arena, address_domain(names->address));
    if (slice_equals(name, "recipient"))
        return arena_text(names->arena, names->address);
    if (slice_equals(name, "home"))
        return names->passwd ? names->passwd->pw_dir : NULL;
    if (slice_equals(name, "shell"))
        return names->passwd ? names->passwd->pw_shell : NULL;
    return conf_lookup(arena_text(names->arena, name));
}

static struct names names_of(struct job *job, struct slice address, const struct passwd *passwd)
{
    struct names names = {.arena = &job->delivery->arena,
                          .address = address,
                          .local = address_local_part(address),
                          .passwd = passwd};

    names.user = names.local;
    address_split_extension(names.local, params.recipient_delimiter,
                            params.owner_request_special, &names.user, &names.extension);
    return names;
}

/* -- .forward
 * ------------------------------------------------------------------------------------ */

/* A link is not followed: who may put one into the home could show us another's file. */
static bool is_trusted(const char *path, const struct stat *file, const struct passwd *passwd)
{
    if (!S_ISREG(file->st_mode))
        log_warning("file %s is not a regular file", path);
    else if (file->st_uid != 0 && file->st_uid != passwd->pw_uid)
        log_warning("file %s has bad owner uid %ld", path, (long)file->st_uid);
    else if (file->st_mode & S_IWOTH)
        log_warning("file %s is world writable", path);
    else
        return true;
    return false;
}

/* Read it as the user. -1 with errno ENOENT when it is missing or must not be trusted. */
static int read_as_user(const char *path, const struct passwd *passwd, struct buf *text)
{
    struct user user = {.uid = passwd->pw_uid, .gid = passwd->pw_gid};
    struct error error;
    struct stat file;

    if (user_become(&user, &error) < 0) {
        log_warning("%s", error.text);
        errno = EAGAIN;
        return -1;
    }
    bool is_there = lstat(path, &file) == 0;
    CLEANUP(fd_close)
    int fd = is_there ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW) : -1;
    int saved = errno;
    user_return();
    if (fd < 0 && is_there && !is_trusted(path, &file, passwd)) {
        errno = ENOENT;
        return -1;
    }
    if (fd < 0) {
        if (is_there && saved != ENOENT)
            log_warning("cannot open file %s: %s", path, strerror(saved));
        errno = saved == EACCES || saved == ENOTDIR || saved == ELOOP ? ENOENT : saved;
        return -1;
    }
    if (fstat(fd, &file) < 0)
        return -1;
    errno = ENOENT;
    if (!is_trusted(path, &file, passwd))
        return -1;
    if (fd_read_all(fd, text, FILE_MAX_BYTES, &error) < 0) {
        log_warning("%s: %s", path, error.text);
        errno = EAGAIN;
    } else {
        return 0;
    }
    return -1;
}

/* True when the address came out of this user's own .forward: then the mailbox is meant. */
static bool comes_from_own_file(const struct origin *origin, const struct passwd *passwd)
{
    for (; origin; origin = origin->parent)
        if (origin->kind == ORIGIN_FORWARD && slice_equals(origin->name, passwd->pw_name))
            return true;
    return false;
}

static const struct origin *forward_origin(struct job *job, struct slice address,
                                           const struct names *names,
                                           const struct origin *parent)
{
    struct origin *origin = arena_new(&job->delivery->arena, struct origin);

    *origin = *parent;
    origin->kind = ORIGIN_FORWARD;
    origin->parent = parent;
    origin->depth = parent->depth + 1;
    origin->name = slice_from(names->passwd->pw_name);
    origin->user = (struct user){.uid = names->passwd->pw_uid, .gid = names->passwd->pw_gid};
    origin->has_user = true;
    origin->address = address;
    origin->extension = names->used_extension ? SLICE_EMPTY : names->extension;
    return origin;
}

/* False: the file names nobody. */
static bool expand(struct job *job, struct slice text, const struct origin *origin)
{
    if (expand_list(job, text, origin) == 0)
        return false;
    delivery_expanded(job->delivery, job->recipient, SLICE("local"), "expanded");
    return true;
}

bool dotforward_expand(struct job *job, struct slice address, const struct passwd *passwd,
                       const struct origin *origin)
{
    struct slice rest = slice_from(params.forward_path), word;
    CLEANUP(buf_release) struct buf missing = BUF_INIT;

    if (comes_from_own_file(origin, passwd))
        return false;
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        struct names names = names_of(job, address, passwd);
        struct expansion expansion = {.lookup = look_up_name,
                                      .context = &names,
                                      .allowed = params.forward_expansion_filter};
        struct error error;
        if (expand_text(&path, word, &expansion, &error) < 0) {
            log_warning("forward_path: %s", error.text);
            continue;
        }
        if (slice_equals(buf_slice(&missing), path.data))
            continue;
        if (read_as_user(path.data, passwd, &text) == 0)
            /* ".forward" without the extension has not matched it. */
            return expand(job, buf_slice(&text), forward_origin(job, address, &names, origin));
        if (errno != ENOENT) {
            struct dsn dsn;
            delivery_dsn(job->delivery, &dsn, "4.3.0", "cannot read %s", path.data);
            job_ended(job, address, &dsn);
            return true;
        }
        buf_set(&missing, buf_slice(&path));
    }
    return false;
}

/* -- command_execution_directory
 * ---------------------------------------------------------------- */

int dotforward_command_directory(struct job *job, struct slice address,
                                 const struct passwd *passwd, const char **directory)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct names names = names_of(job, address, passwd);
    struct expansion expansion = {.lookup = look_up_name,
                                  .context = &names,
                                  .allowed = params.execution_directory_expansion_filter};
    struct error error;

    *directory = NULL;
    if (!*params.command_execution_directory)
        return 0;
    if (expand_text(&text, slice_from(params.command_execution_directory), &expansion, &error) <
        0) {
        log_warning("command_execution_directory: %s", error.text);
        return -1;
    }
    *directory = arena_text(names.arena, buf_slice(&text));
    return 0;
}

/* -- luser_relay
 * ----------------------------------------------------------------------------------- */

bool dotforward_luser_relay(struct job *job, struct slice address, const struct origin *parent)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    struct names names = names_of(job, address, NULL);
    struct expansion expansion = {.lookup = look_up_name, .context = &names};
    struct error error;
    struct dsn dsn;

    bug_if(!parent);
    if (!*params.luser_relay)
        return false;
    if (expand_text(&text, slice_from(params.luser_relay), &expansion, &error) < 0) {
        log_warning("luser_relay: %s", error.text);
        delivery_dsn(job->delivery, &dsn, "4.3.5", "mail system configuration error");
        job_ended(job, address, &dsn);
        return true;
    }
    for (const struct origin *origin = parent; origin; origin = origin->parent)
        if (origin->kind == ORIGIN_ALIAS && slice_equals(origin->name, "luser_relay"))
            return false; /* its address is unknown as well */
    struct origin *origin = arena_new(&job->delivery->arena, struct origin);
    *origin = *parent;
    origin->kind = ORIGIN_ALIAS;
    origin->parent = parent;
    origin->depth = parent->depth + 1;
    origin->name = SLICE("luser_relay");
    origin->has_user = false;
    origin->address = address;
    origin->extension = SLICE_EMPTY;
    if (text.len == 0)
        return false;
    /* One address and nothing else: what a sender put into its name is no command of ours. */
    job_add(job, TARGET_ADDRESS, buf_slice(&text), origin);
    return true;
}
