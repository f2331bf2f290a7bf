/*
 * Lines of table sources.
 */
#include "table/source.h"

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/words.h"

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

int table_source_open_fd(struct table_source *source, const char *name, int fd,
                         struct error *error)
{
    *source = TABLE_SOURCE_INIT;
    source->name = name;
    if (fd_read_all(fd, &source->contents, SOURCE_MAX_BYTES, error) < 0) {
        table_source_release(source);
        return error_context(error, "%s", name);
    }
    logical_lines_init(&source->lines, buf_slice(&source->contents));
    return 0;
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

static bool next_line(struct table_source *source)
{
    if (source->is_inline)
        return next_inline_rule(source);
    if (!logical_lines_next(&source->lines, &source->text))
        return false;
    source->line = source->lines.line;
    return true;
}

bool table_source_next(struct table_source *source, struct slice *line)
{
    while (next_line(source)) {
        *line = buf_slice(&source->text);
        if (line->len == 0 || !ascii_is_space(line->ptr[0]))
            return true;
        log_warning("%s: logical line must not start with whitespace: \"%.30s\"", source->name,
                    line->ptr);
    }
    return false;
}
