/*
 * Reading and replacing a configuration file for an edit.
 */
#include "edit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "conf/main_cf.h"
#include "conf/words.h"

#define FILE_MODE 0644

/* Renaming makes the file itself useless as a lock, so its directory is the lock. */
static int lock_directory(const char *path)
{
    struct slice whole = slice_from(path);
    CLEANUP(mem_free_text)
    char *directory = slice_dup(slice_sub(whole, 0, slice_find_last(whole, '/')));
    int fd = open(directory[0] ? directory : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        fatal(1, "open directory %s: %m", directory);
    if (fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_BLOCK) < 0)
        fatal(1, "lock directory %s: %m", directory);
    return fd;
}

static size_t count_lines(struct slice text)
{
    size_t n = 0;

    while (text.len > 0) {
        (void)slice_split(&text, '\n');
        n++;
    }
    return n;
}

static bool is_comment_or_empty(struct slice line)
{
    struct slice text = slice_trim(line);

    return text.len == 0 || text.ptr[0] == '#';
}

static void split_lines(struct edit_file *file)
{
    struct slice rest = buf_slice(&file->text);

    file->lines = mem_array(struct edit_line, count_lines(rest) + 1);
    while (rest.len > 0) {
        struct edit_line *line = &file->lines[file->n_lines++];

        line->text = slice_split(&rest, '\n');
        line->entry = NO_ENTRY;
        if (is_comment_or_empty(line->text))
            continue;
        line->is_first = !ascii_is_space(line->text.ptr[0]);
        if (line->is_first)
            file->n_entries++;
        if (file->n_entries > 0)
            line->entry = file->n_entries - 1;
    }
}

void edit_file_open(struct edit_file *file, const char *path)
{
    struct error error = ERROR_INIT;

    *file = (struct edit_file){.path = realpath(path, NULL), .text = BUF_INIT};
    if (!file->path)
        fatal(1, "open %s: %m", path);
    file->lock = lock_directory(file->path);
    if (file_read_all(file->path, &file->text, MAIN_CF_MAX_BYTES, &error) < 0)
        fatal(1, "%s", error.text);
    split_lines(file);
}

void edit_file_release(struct edit_file *file)
{
    free(file->path);
    fd_close(&file->lock);
    buf_release(&file->text);
    mem_free(file->lines);
}

void edit_file_entry(const struct edit_file *file, size_t entry, struct buf *out)
{
    for (size_t i = 0; i < file->n_lines; i++) {
        if (file->lines[i].entry == entry)
            buf_add_slice(out, file->lines[i].text);
    }
}

void edit_file_replace(const struct edit_file *file, const struct buf *text)
{
    struct error error = ERROR_INIT;

    if (slice_same(buf_slice(text), buf_slice(&file->text)))
        return;
    if (file_replace(file->path, buf_slice(text), FILE_MODE, &error) < 0)
        fatal(1, "%s", error.text);
}

void edit_check_request(const char *request)
{
    if (strchr(request, '\n'))
        fatal(1, "-e, -X, or -# accepts no multi-line input");
    if (slice_starts_with(slice_trim(slice_from(request)), "#"))
        fatal(1, "-e, -X, or -# accepts no comment input");
}

void edit_split_assignment(const char *request, struct slice *name, struct slice *value)
{
    edit_check_request(request);
    if (slice_starts_with(slice_trim(slice_from(request)), "="))
        fatal(1, "missing attribute name: \"%s\"", request);
    if (!words_split_assignment(slice_from(request), name, value) ||
        slice_find_any(*name, " \t\r\f\v") < name->len)
        fatal(1, "missing '=' after attribute name: \"%s\"", request);
}
