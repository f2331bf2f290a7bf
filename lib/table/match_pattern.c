/*
 * Reading pattern lists.
 */
#include "table/match_pattern.h"

#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/words.h"
#include "table/fold.h"
#include "table/shared.h"
#include "table/source.h"

/* Files in files in files: deeper is a loop. */
#define FILES_MAX_DEPTH 10

/* A text that is being read: the parameter's value, or a file that it names. */
struct reading {
    struct reading *outer;
    bool is_file;
    bool is_negated;
    struct buf contents; /* of the file */
    struct slice lines;  /* that are not read yet */
    struct slice rest;   /* of the value, or of the file's current line */
};

struct parser {
    struct match_list *list;
    struct match_pattern **end;
    struct reading *reading; /* the innermost */
    int depth;
    struct error *first;
};

static void report(struct parser *parser, const struct error *error)
{
    if (parser->first->kind == ERROR_NONE)
        *parser->first = *error;
}

static struct match_pattern *add_pattern(struct parser *parser, bool is_negated)
{
    struct match_pattern *pattern = arena_new(&parser->list->arena, struct match_pattern);

    pattern->is_negated = is_negated;
    *parser->end = pattern;
    parser->end = &pattern->next;
    return pattern;
}

/* "type:name", but not "[2001:db8::1]". */
static void add_table(struct parser *parser, struct slice word, bool is_negated)
{
    CLEANUP(mem_free_text) char *spec = slice_dup(word);
    struct error error = ERROR_INIT;

    add_pattern(parser, is_negated)->table = table_shared(spec, NULL, &error);
    if (error.kind != ERROR_NONE)
        report(parser, &error);
}

/* Could it be meant as an address or network, rather than as a name? */
static bool looks_like_network(struct slice word)
{
    if (slice_find(word, ':') < word.len)
        return true;
    return slice_find(word, '/') < word.len &&
           slice_skip_any(word, "0123456789./[]") == word.len;
}

static void add_text(struct parser *parser, struct slice word, bool is_negated)
{
    CLEANUP(buf_release) struct buf folded = BUF_INIT;
    struct match_pattern *pattern = add_pattern(parser, is_negated);
    struct error error = ERROR_INIT;

    table_fold(&folded, word);
    pattern->text = arena_slice(&parser->list->arena, buf_slice(&folded));
    pattern->is_network = looks_like_network(word);
    pattern->is_ipv6 = slice_find(word, ':') < word.len;
    if (!pattern->is_network || network_parse(&pattern->network, word, &error) == 0)
        return;
    pattern->trouble = arena_printf(&parser->list->arena, "%s", error.text);
    error_context(&error, "%s", parser->list->title);
    report(parser, &error);
}

static void end_reading(struct parser *parser)
{
    struct reading *ended = parser->reading;

    parser->reading = ended->outer;
    if (!ended->is_file)
        return;
    parser->depth--;
    buf_release(&ended->contents);
    mem_free(ended);
}

/* Read all of it, and have it watched for changes. */
static int read_file(const char *path, struct buf *contents, struct error *error)
{
    struct file_watch watch;

    if (file_watch_open(&watch, "open file", path, error) < 0)
        return -1;
    if (fd_read_all(watch.fd, contents, SOURCE_MAX_BYTES, error) < 0) {
        file_watch_close(&watch);
        return error_context(error, "%s", path);
    }
    table_shared_take_watch(&watch);
    return 0;
}

static void add_unreadable_file(struct parser *parser, const char *path, bool is_negated,
                                const struct error *error)
{
    CLEANUP(buf_release) struct buf spec = BUF_INIT;
    struct match_pattern *pattern = add_pattern(parser, is_negated);

    buf_printf(&spec, "non-existent:%s", path);
    pattern->table = table_unavailable(spec.data, error->text);
    pattern->is_own_table = true;
    report(parser, error);
}

static void begin_file(struct parser *parser, struct slice word, bool is_negated)
{
    CLEANUP(mem_free_text) char *path = slice_dup(word);
    struct buf contents = BUF_INIT;
    struct error error = ERROR_INIT;
    struct reading *file;

    if (parser->depth >= FILES_MAX_DEPTH)
        error_set(&error, ERROR_PERMANENT, "open file %s: too many files in files", path);
    else
        (void)!read_file(path, &contents, &error);
    if (error.kind != ERROR_NONE) {
        buf_release(&contents);
        add_unreadable_file(parser, path, is_negated, &error);
        return;
    }
    file = mem_new(struct reading);
    file->is_file = true;
    file->is_negated = is_negated;
    file->contents = contents;
    file->lines = buf_slice(&contents);
    file->outer = parser->reading;
    parser->reading = file;
    parser->depth++;
}

/* The next line of the file that is no comment. */
static bool next_line(struct reading *reading)
{
    while (reading->lines.len) {
        reading->rest = slice_trim(slice_split(&reading->lines, '\n'));
        if (reading->rest.len && reading->rest.ptr[0] != '#')
            return true;
    }
    return false;
}

static void parse_word(struct parser *parser, struct slice word)
{
    bool is_negated = parser->reading->is_negated;

    while (slice_starts_with(word, "!")) {
        is_negated = !is_negated;
        word = slice_from_offset(word, 1);
    }
    if (word.len == 0)
        log_warning("%s: no pattern after '!'", parser->list->title);
    else if (word.ptr[0] == '/')
        begin_file(parser, word, is_negated);
    else if (word.ptr[0] != '[' && slice_find(word, ':') < word.len)
        add_table(parser, word, is_negated);
    else
        add_text(parser, word, is_negated);
}

/* One word, or the end of a line, or the end of a file. */
static void parse_next(struct parser *parser)
{
    struct reading *reading = parser->reading;
    struct slice word;

    if (!words_next(&reading->rest, WORDS_COMMA_SPACE, &word)) {
        if (!next_line(reading))
            end_reading(parser);
        return;
    }
    if (word.ptr[0] == '#') {
        log_warning("%s: comment at end of line is not supported: %.*s%.*s",
                    parser->list->title, SLICE_ARG(word), SLICE_ARG(reading->rest));
        reading->rest = SLICE_EMPTY;
        return;
    }
    parse_word(parser, word);
}

void match_patterns_parse(struct match_list *list, struct slice text, struct error *first)
{
    struct reading value = {.rest = text};
    struct parser parser = {
        .list = list,
        .end = &list->first,
        .reading = &value,
        .first = first,
    };

    while (parser.reading)
        parse_next(&parser);
}
