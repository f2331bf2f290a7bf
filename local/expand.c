#include "expand.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"

enum { FILE_MAX_BYTES = 16 << 20, INCLUDE_DEPTH_MAX = 20 };

/* The end of the entry at the start of text: a comma or line end outside of quotes. */
static size_t entry_length(struct slice text)
{
    bool in_quotes = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] != '\n')
            i++;
        else if (text.ptr[i] == '"')
            in_quotes = !in_quotes;
        else if (text.ptr[i] == '\n' || (text.ptr[i] == ',' && !in_quotes))
            return i;
    }
    return text.len;
}

/* "text" without its quotes, where they are around all of it. */
static struct slice unquote(struct arena *arena, struct slice entry)
{
    if (entry.len < 2 || entry.ptr[0] != '"' || entry.ptr[entry.len - 1] != '"')
        return entry;
    struct slice inside = slice_sub(entry, 1, entry.len - 2);
    char *text = arena_alloc(arena, inside.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\' && i + 1 < inside.len)
            i++;
        text[len++] = inside.ptr[i];
    }
    return slice_of(text, len);
}

/* "user@domain", "Name <user@domain>", "\user": an entry may hold several by mistake. */
static void add_addresses(struct job *job, struct slice entry, const struct origin *origin)
{
    struct arena *arena = &job->delivery->arena;
    struct header_address_list list;
    bool is_literal = slice_starts_with(entry, "\\");

    header_address_parse(slice_from_offset(entry, is_literal), arena,
                         (size_t)params.header_address_token_limit, &list);
    for (size_t i = 0; i < list.n_addresses; i++) {
        struct slice address = address_unquoted(arena, list.addresses[i].address);
        if (is_literal)
            address = slice_from(arena_printf(arena, "\\%.*s", SLICE_ARG(address)));
        job_add(job, TARGET_ADDRESS, address, origin);
    }
}

/* |"command words": without the quotes, where they are around all of it. */
static struct slice command_of(struct arena *arena, struct slice text)
{
    struct slice line = slice_trim(text);

    if (line.len < 2 || slice_find(slice_from_offset(line, 1), '"') != line.len - 2)
        return line;
    return slice_trim(unquote(arena, line));
}

/* "~/file" and "~user/file" of a .forward as a path; as it is where that means nothing. */
static struct slice in_home(struct job *job, struct slice text, const struct origin *origin)
{
    struct slice rest = slice_from_offset(text, 1), name;
    const struct passwd *user;

    if (origin->kind != ORIGIN_FORWARD || !slice_starts_with(text, "~") ||
        slice_find(rest, '/') == rest.len)
        return text;
    name = slice_split(&rest, '/');
    user = getpwnam(arena_text(&job->delivery->arena, name.len > 0 ? name : origin->name));
    if (!user)
        return text;
    return slice_from(
        arena_printf(&job->delivery->arena, "%s/%.*s", user->pw_dir, SLICE_ARG(rest)));
}

static void add_entry(struct job *job, struct slice entry, const struct origin *origin)
{
    struct arena *arena = &job->delivery->arena;
    struct slice text = in_home(job, slice_trim(unquote(arena, entry)), origin);

    if (slice_starts_with(text, "|"))
        job_add(job, TARGET_COMMAND, command_of(arena, slice_from_offset(text, 1)), origin);
    else if (slice_starts_with(text, "/"))
        job_add(job, TARGET_FILE, text, origin);
    else if (slice_starts_with_nocase(text, ":include:")) {
        job_add(job, TARGET_INCLUDE,
                slice_trim(
                    unquote(arena, slice_trim(slice_from_offset(text, strlen(":include:"))))),
                origin);
    } else {
        add_addresses(job, entry, origin);
    }
}

size_t expand_list(struct job *job, struct slice text, const struct origin *origin)
{
    bool is_line_start = true;
    size_t n = 0;

    while (text.len > 0) {
        if (is_line_start && *text.ptr == '#') {
            slice_split(&text, '\n');
            continue;
        }
        size_t len = entry_length(text);
        struct slice entry = slice_trim(slice_sub(text, 0, len));
        is_line_start = len < text.len && text.ptr[len] == '\n';
        text = slice_from_offset(text, len + 1);
        if (entry.len == 0)
            continue;
        add_entry(job, entry, origin);
        n++;
    }
    return n;
}

/* -- :include: --------------------------------------------------------------------------------
 */

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
    else if (open_include(name, origin->has_user ? &origin->user : &default_user, &file, &text,
                          &error) == 0) {
        expand_list(job, buf_slice(&text), include_origin(job, path, origin, &file));
        return;
    }
    log_warning("%s", error.text);
    delivery_dsn(job->delivery, &dsn, error.kind == ERROR_PERMANENT ? "5.3.5" : "4.3.5",
                 "mail system configuration error");
    job_ended(job, origin->address, &dsn);
}
