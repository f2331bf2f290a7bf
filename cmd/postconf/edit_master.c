/*
 * Edits of master.cf: entries (-M), fields (-F) and -o parameters (-P).
 */
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/words.h"
#include "edit_file.h"
#include "master_pattern.h"
#include "postconf.h"

enum change { CHANGE_NONE, CHANGE_REWRITE, CHANGE_COMMENT_OUT, CHANGE_REMOVE };

struct entry {
    struct master_service service;
    enum change change;
};

struct edit {
    const struct options *options;
    struct edit_file file;
    struct arena arena;
    struct entry *entries; /* as many as the file has, and one more for each request */
    size_t n_entries;
};

struct request {
    const char *text;
    struct master_pattern pattern;
    struct slice value; /* ACTION_EDIT */
};

/* Would the value do in an entry that is right otherwise? */
static bool is_good_field(struct arena *arena, size_t field, struct slice value)
{
    CLEANUP(buf_release) struct buf entry = BUF_INIT;
    struct master_service service;
    struct error error;

    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        const char *good = i == MASTER_FIELD_NAME   ? "25"
                           : i == MASTER_FIELD_TYPE ? "unix"
                                                    : "-";

        buf_printf(&entry, "%.*s ", SLICE_ARG(i == field ? value : slice_from(good)));
    }
    buf_add_text(&entry, "program");
    return master_service_parse(&service, buf_slice(&entry), MASTER_CHROOT_NO, arena, &error) ==
           0;
}

/* Ends the command, in Postfix's words, when fields are too few or one is bad. */
static void complain_of_fields(struct edit *edit, struct slice text, const char *what)
{
    struct slice rest = text, word;

    for (size_t i = 0; i < MASTER_FIELDS + 1; i++) {
        if (!words_next(&rest, WORDS_SPACE, &word))
            fatal(1, "bad field count: \"%s\"", what);
        if (i < MASTER_FIELDS && !is_good_field(&edit->arena, i, word))
            fatal(1, "invalid %s field \"%.*s\" in \"%.*s\"", master_field_names[i],
                  SLICE_ARG(word), SLICE_ARG(text));
    }
}

static void parse_service(struct edit *edit, struct slice text, struct master_service *service,
                          const char *what)
{
    struct error error = ERROR_INIT;

    if (master_service_parse(service, text, MASTER_CHROOT_NO, &edit->arena, &error) == 0)
        return;
    complain_of_fields(edit, text, what);
    fatal(1, "%s in \"%s\"", error.text, what);
}

static void read_entries(struct edit *edit, const char *path)
{
    edit_file_open(&edit->file, path);
    edit->entries =
        mem_array(struct entry, edit->file.n_entries + edit->options->n_arguments + 1);
    for (size_t i = 0; i < edit->file.n_entries; i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;

        edit_file_entry(&edit->file, i, &text);
        parse_service(edit, buf_slice(&text), &edit->entries[i].service, text.data);
    }
    edit->n_entries = edit->file.n_entries;
}

static void parse_request(const struct options *options, const char *text,
                          struct request *request)
{
    int parts = options->subject == SUBJECT_MASTER_ENTRY ? 2 : 3;
    struct slice target = slice_from(text);

    *request = (struct request){.text = text, .value = SLICE_EMPTY};
    edit_check_request(text);
    if (options->action == ACTION_EDIT) {
        size_t equals = slice_find(target, '=');

        if (equals == target.len)
            fatal(1, "missing '=' after attribute name: \"%s\"", text);
        request->value = slice_trim(slice_from_offset(target, equals + 1));
        target = slice_trim(slice_sub(target, 0, equals));
    }
    if (master_pattern_parse(&request->pattern, target, parts) &&
        request->pattern.n_parts == parts)
        return;
    if (options->subject == SUBJECT_MASTER_ENTRY)
        fatal(1, "-Me, -MX or -M# requires service_name/type");
    if (options->subject == SUBJECT_MASTER_FIELD)
        fatal(1, "-Fe or -FX requires service_name/type/field_name");
    fatal(1, "-Pe or -PX requires service_name/type/parameter");
}

/* The entry again, from its text with one thing changed. */
static void reparse(struct edit *edit, struct entry *entry, const struct request *request)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    format_service(&text, &entry->service, false);
    parse_service(edit, buf_slice(&text), &entry->service, request->text);
    entry->change = CHANGE_REWRITE;
}

static void set_field(struct edit *edit, struct entry *entry, const struct request *request)
{
    struct master_service *service = &entry->service;

    if (slice_equals(request->pattern.rest, "command")) {
        service->program = arena_text(&edit->arena, request->value);
        service->n_arguments = 0;
        reparse(edit, entry, request);
        return;
    }
    for (size_t i = 0; i < MASTER_FIELDS; i++) {
        if (!slice_equals(request->pattern.rest, master_field_names[i]))
            continue;
        if (slice_find_any(request->value, " \t") < request->value.len)
            fatal(1, "-Fe does not accept whitespace in non-command field");
        if (request->value.len == 0)
            fatal(1, "invalid %s field in \"%s\"", master_field_names[i], request->text);
        if (!is_good_field(&edit->arena, i, request->value))
            fatal(1, "invalid %s field \"%.*s\" in \"%.*s\"", master_field_names[i],
                  SLICE_ARG(request->value), SLICE_ARG(request->value));
        service->fields[i] = arena_text(&edit->arena, request->value);
        reparse(edit, entry, request);
        return;
    }
    fatal(1, "invalid service attribute name: \"%.*s\"", SLICE_ARG(request->pattern.rest));
}

/* True when arguments[i] and the one behind it are "-o" and an assignment to the name. */
static bool is_override_of(const struct master_service *service, size_t i, struct slice name)
{
    struct slice value;

    if (i + 1 >= service->n_arguments || strcmp(service->arguments[i], "-o") != 0)
        return false;
    value = slice_from(service->arguments[i + 1]);
    return slice_same(slice_split(&value, '='), name);
}

static size_t n_option_words(const struct master_service *service)
{
    size_t i = 0;

    while (i < service->n_arguments && service->arguments[i][0] == '-' &&
           service->arguments[i][1] != 0 && strcmp(service->arguments[i], "--") != 0)
        i += strcmp(service->arguments[i], "-o") == 0 ? 2 : 1;
    return i < service->n_arguments ? i : service->n_arguments;
}

/* A value with blanks is written in braces, so its own must come in pairs. */
static void check_braces(const struct request *request)
{
    CLEANUP(buf_release) struct buf group = BUF_INIT;
    struct slice rest, word;

    if (slice_find_any(request->value, " \t") == request->value.len)
        return;
    buf_printf(&group, "{%.*s}", SLICE_ARG(request->value));
    rest = buf_slice(&group);
    if (!words_next(&rest, WORDS_SPACE, &word) || word.len != group.len ||
        words_unbrace(word, &word, &(struct error){0}) < 0)
        fatal(1, "unbalanced braces in \"%s\"", request->text);
}

/* Set or remove the -o options for a name; one that is new goes behind the other options. */
static void set_parameter(struct edit *edit, struct entry *entry, const struct request *request)
{
    struct master_service *service = &entry->service;
    struct slice name = request->pattern.rest;
    size_t n_options = n_option_words(service), n = 0, i = 0;
    const char **arguments = arena_array(&edit->arena, const char *, service->n_arguments + 3);
    const char *assignment =
        arena_printf(&edit->arena, "%.*s=%.*s", SLICE_ARG(name), SLICE_ARG(request->value));
    bool remove = edit->options->action == ACTION_REMOVE, found = false;

    check_braces(request);
    while (i < n_options) {
        bool matches = is_override_of(service, i, name);

        found = found || matches;
        if (!(matches && remove)) {
            arguments[n++] = service->arguments[i];
            if (strcmp(service->arguments[i], "-o") == 0 && i + 1 < n_options)
                arguments[n++] = matches ? assignment : service->arguments[i + 1];
        }
        i += strcmp(service->arguments[i], "-o") == 0 ? 2 : 1;
    }
    if (!found && !remove) {
        arguments[n++] = "-o";
        arguments[n++] = assignment;
    }
    for (i = n_options; i < service->n_arguments; i++)
        arguments[n++] = service->arguments[i];
    service->arguments = arguments;
    service->n_arguments = n;
    reparse(edit, entry, request);
}

static void change_entry(struct edit *edit, struct entry *entry, const struct request *request)
{
    enum postconf_action action = edit->options->action;

    if (edit->options->subject == SUBJECT_MASTER_FIELD) {
        set_field(edit, entry, request);
    } else if (edit->options->subject == SUBJECT_MASTER_PARAM) {
        set_parameter(edit, entry, request);
    } else if (action == ACTION_EDIT) {
        parse_service(edit, request->value, &entry->service, request->text);
        entry->change = CHANGE_REWRITE;
    } else {
        entry->change = action == ACTION_REMOVE ? CHANGE_REMOVE : CHANGE_COMMENT_OUT;
    }
}

static void apply(struct edit *edit, const struct request *request)
{
    bool is_entry = edit->options->subject == SUBJECT_MASTER_ENTRY;
    size_t n_found = 0;

    for (size_t i = 0; i < edit->n_entries; i++) {
        if (!master_pattern_matches(&request->pattern, &edit->entries[i].service))
            continue;
        change_entry(edit, &edit->entries[i], request);
        n_found++;
    }
    if (n_found == 0 && is_entry && edit->options->action == ACTION_EDIT)
        change_entry(edit, &edit->entries[edit->n_entries++], request);
    else if (n_found == 0 && !is_entry)
        log_warning("unmatched service_name/type: \"%s\"", request->text);
}

static void write_entry(const struct edit *edit, size_t entry, struct buf *out)
{
    format_service(out, &edit->entries[entry].service, true);
    buf_add_char(out, '\n');
}

static void write_line(const struct edit *edit, const struct edit_line *line, struct buf *out)
{
    enum change change =
        line->entry == NO_ENTRY ? CHANGE_NONE : edit->entries[line->entry].change;

    if (change == CHANGE_REWRITE && line->is_first)
        write_entry(edit, line->entry, out);
    if (change == CHANGE_COMMENT_OUT)
        buf_add_char(out, '#');
    if (change == CHANGE_NONE || change == CHANGE_COMMENT_OUT) {
        buf_add_slice(out, line->text);
        buf_add_char(out, '\n');
    }
}

void edit_master(struct postconf *postconf)
{
    struct edit edit = {.options = &postconf->options, .arena = ARENA_INIT};
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    read_entries(&edit, postconf->master_path.data);
    for (size_t i = 0; i < postconf->options.n_arguments; i++) {
        struct request request;

        parse_request(&postconf->options, postconf->options.arguments[i], &request);
        apply(&edit, &request);
    }
    for (size_t i = 0; i < edit.file.n_lines; i++)
        write_line(&edit, &edit.file.lines[i], &out);
    for (size_t i = edit.file.n_entries; i < edit.n_entries; i++)
        write_entry(&edit, i, &out);
    edit_file_replace(&edit.file, &out);
    edit_file_release(&edit.file);
    mem_free(edit.entries);
    arena_release(&edit.arena);
}
