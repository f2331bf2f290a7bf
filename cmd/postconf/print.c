/*
 * How postconf writes lines: folding, columns of master.cf, JSON.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "conf/words.h"
#include "postconf.h"

#define LINE_LIMIT  80
#define INDENT      "    "
#define INDENT_LEN  4
#define WHITE_SPACE " \t\r\n\f\v"

void print_line(const struct options *options, struct slice line)
{
    struct slice rest = line;
    size_t column = 0;

    for (;;) {
        struct slice word = slice_word(&rest, WHITE_SPACE);

        if (!word.ptr)
            break;
        if (column > 0 && options->fold && column + 1 + word.len > LINE_LIMIT) {
            (void)fputs("\n" INDENT, stdout);
            column = INDENT_LEN;
        } else if (column > 0) {
            (void)putchar(' ');
            column++;
        }
        (void)fwrite(word.ptr, 1, word.len, stdout);
        column += word.len;
    }
    (void)putchar('\n');
}

void print_assignment(const struct options *options, const char *name, struct slice value)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (options->json) {
        struct json_pair pairs[] = {{"name", slice_from(name)}, {"value", value}};

        print_json(pairs, ARRAY_SIZE(pairs));
        return;
    }
    if (!options->no_names)
        buf_add_text(&line, name);
    if (!options->no_names && !options->no_values)
        buf_add_text(&line, " = ");
    if (!options->no_values)
        buf_add_slice(&line, value);
    print_line(options, buf_slice(&line));
}

void print_json(const struct json_pair *pairs, size_t n)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    for (size_t i = 0; i < n; i++) {
        buf_add_text(&line, i == 0 ? "{" : ", ");
        json_add_text(&line, slice_from(pairs[i].name));
        buf_add_text(&line, ": ");
        json_add_text(&line, pairs[i].value);
    }
    (void)printf("%s}\n", line.data);
}

/*
 * The word as master.cf must have it: in braces when it holds white space. Returns its width,
 * for which Postfix does not count the braces.
 */
static size_t add_word(struct buf *out, const char *word)
{
    struct slice text = slice_from(word);
    bool braces = text.len == 0 || slice_find_any(text, WHITE_SPACE) < text.len;

    buf_printf(out, braces ? "{%s}" : "%s", word);
    return text.len;
}

struct folding {
    struct buf *out;
    bool fold;
    bool at_indent; /* nothing behind the indentation yet */
    size_t column;
};

/* Put a word (or option with value) after a blank, or on a line of its own. */
static void put(struct folding *folding, const struct buf *word, size_t width, bool force_break)
{
    if (folding->fold && !folding->at_indent &&
        (force_break || folding->column + 1 + width >= LINE_LIMIT)) {
        buf_add_text(folding->out, "\n" INDENT);
        folding->column = INDENT_LEN;
        folding->at_indent = true;
    }
    if (!folding->at_indent) {
        buf_add_char(folding->out, ' ');
        folding->column++;
    }
    folding->at_indent = false;
    buf_add_slice(folding->out, buf_slice(word));
    folding->column += width;
}

void format_command(struct buf *out, const struct master_service *service, bool fold,
                    size_t column)
{
    struct folding folding = {
        .out = out, .fold = fold, .column = column + strlen(service->program)};
    bool in_options = true, break_next = false;

    buf_add_text(out, service->program);
    for (size_t i = 0; i < service->n_arguments; i++) {
        CLEANUP(buf_release) struct buf word = BUF_INIT;
        const char *argument = service->arguments[i];
        bool has_value, is_override;
        size_t width;

        in_options = in_options && argument[0] == '-' && argument[1] != '\0' &&
                     strcmp(argument, "--") != 0;
        has_value = strcmp(argument, "-o") == 0 && i + 1 < service->n_arguments;
        is_override = in_options && has_value;
        width = add_word(&word, argument);
        if (has_value) {
            buf_add_char(&word, ' ');
            width += 1 + add_word(&word, service->arguments[++i]);
        }
        put(&folding, &word, width, is_override || break_next);
        break_next = is_override;
    }
}

void format_service(struct buf *out, const struct master_service *service, bool fold)
{
    static const size_t columns[MASTER_FIELDS + 1] = {0, 11, 17, 25, 33, 41, 49, 57};
    size_t start = out->len;

    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        size_t column = out->len - start;

        if (i > 0)
            buf_add_repeated(out, ' ', column < columns[i] ? columns[i] - column : 1);
        buf_add_text(out, service->fields[i]);
    }
    if (out->len - start < columns[MASTER_FIELDS])
        buf_add_repeated(out, ' ', columns[MASTER_FIELDS] - (out->len - start));
    else
        buf_add_char(out, ' ');
    format_command(out, service, fold, out->len - start);
}
