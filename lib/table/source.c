/*
 * Lines of table sources.
 */
#include "table/source.h"

#include <errno.h>
#include <string.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/words.h"

/* What is read of a stream at a time. */
#define PART_BYTES ((size_t)128 << 10)

int table_source_open(struct table_source *source, const char *verb, const char *path,
                      struct error *error)
{
    *source = TABLE_SOURCE_INIT;
    source->name = path;
    if (file_watch_open(&source->watch, verb, path, error) < 0)
        return -1;
    if (fd_read_all(source->watch.fd, &source->contents, SOURCE_MAX_BYTES, error) < 0) {
        table_source_release(source);
        return error_context(error, "%s", path);
    }
    logical_lines_init(&source->lines, buf_slice(&source->contents));
    return 0;
}

int table_source_open_stream(struct table_source *source, const char *verb, const char *path,
                             struct error *error)
{
    struct file_watch watch = FILE_WATCH_INIT;

    if (file_watch_open(&watch, verb, path, error) < 0)
        return -1;
    table_source_open_fd(source, path, watch.fd);
    source->watch = watch;
    return 0;
}

void table_source_open_fd(struct table_source *source, const char *name, int fd)
{
    *source = TABLE_SOURCE_INIT;
    source->name = name;
    source->fd = fd;
    logical_lines_init(&source->lines, SLICE_EMPTY);
}

/* All rules of the text must be in braces of their own. */
static int check_inline_rules(struct slice rules, struct error *error)
{
    struct slice word, rule;

    while (words_next(&rules, WORDS_COMMA_SPACE, &word)) {
        if (word.ptr[0] != '{')
            return error_set(error, ERROR_PERMANENT, "no '{' at start of text in \"%.*s\"",
                             SLICE_ARG(word));
        if (words_unbrace(word, &rule, error) < 0)
            return -1;
    }
    return 0;
}

int table_source_open_rules(struct table_source *source, const char *type, const char *name,
                            struct error *error)
{
    if (name[0] != '{')
        return table_source_open(source, "open", name, error);
    *source = TABLE_SOURCE_INIT;
    source->name = name;
    source->is_inline = true;
    if (words_unbrace(slice_from(name), &source->rules, error) < 0 ||
        check_inline_rules(source->rules, error) < 0)
        return error_context(error, "%s map", type);
    return 0;
}

void table_source_release(struct table_source *source)
{
    buf_release(&source->contents);
    buf_release(&source->text);
    file_watch_close(&source->watch);
}

static bool next_inline_rule(struct table_source *source)
{
    struct slice word, rule;

    if (!words_next(&source->rules, WORDS_COMMA_SPACE, &word))
        return false;
    bug_if(words_unbrace(word, &rule, NULL) < 0); /* checked when opened */
    source->line++;
    buf_set(&source->text, rule);
    return true;
}

/*
 * How much of the text is whole logical lines, whatever follows: up to the last physical line
 * that cannot belong to one before it. 0: there is none at or behind `from`.
 */
static size_t whole_lines(struct slice text, size_t from)
{
    const char *start = text.ptr + from, *end = text.ptr + text.len - 1;

    while (end > start && (end = memrchr(start, '\n', (size_t)(end - start)))) {
        if (end[1] != '#' && !ascii_is_space(end[1]))
            return (size_t)(end + 1 - text.ptr);
    }
    return 0;
}

/* Read the next part of a stream. False: there is no more. */
static bool read_part(struct table_source *source)
{
    size_t len = 0;

    buf_remove_front(&source->contents, source->part_len);
    size_t seen = source->contents.len;
    while (len == 0 && source->fd >= 0) {
        ssize_t n =
            fd_read_full(source->fd, buf_reserve(&source->contents, PART_BYTES), PART_BYTES);

        if (n < 0 || source->contents.len > SOURCE_MAX_BYTES) {
            error_set(&source->failed, ERROR_TEMPORARY, "%s: read: %s", source->name,
                      n < 0 ? strerror(errno) : "a line is too long");
            source->contents.len = 0;
            source->fd = -1;
            return false;
        }
        source->contents.len += (size_t)n;
        source->contents.data[source->contents.len] = '\0';
        if ((size_t)n < PART_BYTES)
            source->fd = -1;
        len = source->fd < 0 ? source->contents.len
                             : whole_lines(buf_slice(&source->contents), seen ? seen - 1 : 0);
        seen = source->contents.len;
    }
    source->part_len = len;
    source->lines.rest = slice_sub(buf_slice(&source->contents), 0, len);
    return len > 0;
}

static bool next_line(struct table_source *source)
{
    if (source->is_inline)
        return next_inline_rule(source);
    while (!logical_lines_next(&source->lines, &source->text)) {
        if (!read_part(source))
            return false;
    }
    source->line = source->lines.line;
    return true;
}

bool table_source_next(struct table_source *source, struct slice *line)
{
    while (next_line(source)) {
        *line = buf_slice(&source->text);
        if (slice_find(*line, '\0') < line->len) {
            log_warning("%s, line %d: the line has a NUL byte -- ignoring this line",
                        source->name, source->line);
            continue;
        }
        if (line->len == 0 || !ascii_is_space(line->ptr[0]))
            return true;
        log_warning("%s: logical line must not start with whitespace: \"%.30s\"", source->name,
                    line->ptr);
    }
    return false;
}

int table_source_check(const struct table_source *source, struct error *error)
{
    if (source->failed.kind == ERROR_NONE)
        return 0;
    return error_set(error, source->failed.kind, "%s", source->failed.text);
}
