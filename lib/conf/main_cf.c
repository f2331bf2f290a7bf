/*
 * Reading main.cf, and what its names mean.
 */
#include "conf/main_cf.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "conf/expand.h"
#include "conf/level.h"
#include "conf/logical_line.h"
#include "conf/params.h"
#include "conf/words.h"

void main_cf_init(struct main_cf *main_cf)
{
    *main_cf = (struct main_cf){
        .arena = ARENA_INIT,
        .entries = HASH_INIT,
        .computed = HASH_INIT,
        .warnings = BUF_INIT,
    };
}

void main_cf_release(struct main_cf *main_cf)
{
    hash_release(&main_cf->entries, NULL);
    hash_release(&main_cf->computed, NULL);
    buf_release(&main_cf->warnings);
    arena_release(&main_cf->arena);
}

static void add_entry(struct main_cf *main_cf, struct slice name, struct slice value,
                      const char *file, int line)
{
    struct main_cf_entry *entry = arena_new(&main_cf->arena, struct main_cf_entry);

    *entry = (struct main_cf_entry){
        .name = arena_text(&main_cf->arena, name),
        .value = arena_text(&main_cf->arena, value),
        .file = file,
        .line = line,
        .shadowed = hash_get(&main_cf->entries, name),
    };
    (void)hash_set(&main_cf->entries, name, entry);
}

void main_cf_set(struct main_cf *main_cf, struct slice name, struct slice value)
{
    add_entry(main_cf, name, value, "", 0);
}

int main_cf_override(struct main_cf *main_cf, struct slice assignment, struct error *error)
{
    struct slice name, value;

    if (!words_split_assignment(assignment, &name, &value))
        return error_set(error, ERROR_PERMANENT, "missing '=' after attribute name: \"%.*s\"",
                         SLICE_ARG(assignment));
    main_cf_set(main_cf, name, value);
    return 0;
}

/* That the file was found in this directory is known before it says otherwise, in vain. */
static bool is_overridden(const struct main_cf_entry *earlier, const char *file)
{
    return strcmp(earlier->file, file) == 0 || strcmp(earlier->name, "config_directory") == 0;
}

/* "name = value", the name without white space in it. */
static int parse_line(struct main_cf *main_cf, struct slice line, const char *file, int number,
                      struct error *error)
{
    struct slice name = slice_sub(line, 0, slice_find_any(line, "= \t\r\f\v"));
    struct slice rest = slice_from_offset(line, name.len);
    const struct main_cf_entry *earlier;

    rest = slice_from_offset(rest, slice_skip_any(rest, " \t\r\f\v"));
    if (name.len == 0)
        return error_set(error, ERROR_PERMANENT,
                         "%s, line %d: missing attribute name: \"%.*s\"", file, number,
                         SLICE_ARG(line));
    if (!slice_starts_with(rest, "="))
        return error_set(error, ERROR_PERMANENT,
                         "%s, line %d: missing '=' after attribute name: \"%.*s\"", file,
                         number, SLICE_ARG(line));
    rest = slice_trim(slice_from_offset(rest, 1));
    earlier = hash_get(&main_cf->entries, name);
    if (earlier && is_overridden(earlier, file) && !slice_equals(rest, earlier->value))
        buf_printf(&main_cf->warnings, "%s, line %d: overriding earlier entry: %s=%s\n", file,
                   number, earlier->name, earlier->value);
    add_entry(main_cf, name, rest, file, number);
    return 0;
}

int main_cf_parse(struct main_cf *main_cf, struct slice text, const char *path,
                  struct error *error)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    const char *file = arena_text(&main_cf->arena, slice_from(path));
    struct logical_lines lines;

    logical_lines_init(&lines, text);
    while (logical_lines_next(&lines, &line)) {
        if (memchr(line.data, '\0', line.len))
            return error_set(error, ERROR_PERMANENT,
                             "%s, line %d: there is a NUL byte in \"%s\"", file, lines.line,
                             line.data);
        if (ascii_is_space(line.data[0])) { /* Postfix goes on after this one, too */
            buf_printf(&main_cf->warnings,
                       "%s, line %d: logical line must not start with whitespace: \"%s\"\n",
                       file, lines.line, line.data);
            continue;
        }
        if (parse_line(main_cf, buf_slice(&line), file, lines.line, error) < 0)
            return -1;
    }
    return 0;
}

int main_cf_read(struct main_cf *main_cf, const char *path, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (file_read_all(path, &text, MAIN_CF_MAX_BYTES, error) < 0)
        return -1;
    return main_cf_parse(main_cf, buf_slice(&text), path, error);
}

const struct main_cf_entry *main_cf_find(const struct main_cf *main_cf, struct slice name)
{
    return hash_get(&main_cf->entries, name);
}

const struct main_cf_entry **main_cf_sorted(const struct main_cf *main_cf, main_cf_order *order,
                                            size_t *n)
{
    const struct main_cf_entry **entries =
        mem_array(const struct main_cf_entry *, main_cf->entries.n_entries + 1);
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    for (*n = 0; hash_next(&main_cf->entries, &cursor, &name, &entry); ++*n)
        entries[*n] = entry;
    qsort(entries, *n, sizeof(void *), order);
    return entries;
}

void main_cf_set_computed(struct main_cf *main_cf, const char *name, const char *text)
{
    (void)hash_set(&main_cf->computed, slice_from(name),
                   arena_text(&main_cf->arena, slice_from(text)));
}

const char *main_cf_default_of(const struct main_cf *main_cf, const struct param_row *row)
{
    const char *computed = param_row_is_computed(row)
                               ? hash_get(&main_cf->computed, slice_from(param_name(row)))
                               : NULL;

    return computed ? computed : param_default(row);
}

const char *main_cf_raw_default(const struct main_cf *main_cf, struct slice name)
{
    const struct param_row *row = param_row_find(name);

    return row ? main_cf_default_of(main_cf, row) : NULL;
}

const char *main_cf_raw(const struct main_cf *main_cf, struct slice name)
{
    const struct main_cf_entry *entry;

    if (main_cf->stressed && slice_equals(name, "stress"))
        return "yes";
    entry = main_cf_find(main_cf, name);
    return entry ? entry->value : main_cf_raw_default(main_cf, name);
}

struct look_up_context {
    const struct main_cf *main_cf;
};

static const char *look_up(void *context, struct slice name)
{
    const struct look_up_context *look_up_context = context;

    return main_cf_raw(look_up_context->main_cf, name);
}

int main_cf_expand(const struct main_cf *main_cf, const char *text, struct buf *result,
                   struct error *error)
{
    struct look_up_context context = {main_cf};
    struct expansion expansion = {.lookup = look_up, .context = &context, .recursive = true};

    return expand_text(result, slice_from(text), &expansion, error);
}

int main_cf_context(const struct main_cf *main_cf, const char *name, struct error *error)
{
    const struct main_cf_entry *entry = main_cf_find(main_cf, slice_from(name));

    if (entry && entry->line > 0)
        return error_context(error, "%s, line %d", entry->file, entry->line);
    return error_context(error, "%s", entry ? "-o option" : "built-in default");
}

int main_cf_value(const struct main_cf *main_cf, const char *name, struct buf *result,
                  struct error *error)
{
    const char *raw = main_cf_raw(main_cf, slice_from(name));

    if (!raw || main_cf_expand(main_cf, raw, result, error) == 0)
        return 0;
    (void)error_context(error, "%s", name);
    return main_cf_context(main_cf, name, error);
}

bool main_cf_level_is(const struct main_cf *main_cf, const char *at_least)
{
    CLEANUP(buf_release) struct buf level = BUF_INIT;
    int order;

    return main_cf_value(main_cf, "compatibility_level", &level, NULL) == 0 &&
           level_compare(buf_slice(&level), slice_from(at_least), &order) && order >= 0;
}
