/*
 * Asking tables on behalf of a person.
 */
#include "table/query.h"

#include <stdio.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "mail/mime.h"
#include "table/entry.h"

#define EXIT_TROUBLE   1
#define KEYS_MAX_BYTES ((size_t)1 << 30)

/* -- printing ---------------------------------------------------------------------------------
 */

static void print_slice(struct slice text)
{
    if (fwrite(text.ptr, 1, text.len, stdout) < text.len)
        fatal(EXIT_TROUBLE, "write standard output: %m");
}

static void print_json_pair(struct slice key, struct slice value)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_add_char(&line, '{');
    json_add_text(&line, key);
    buf_add_text(&line, ": ");
    json_add_text(&line, value);
    buf_add_text(&line, "}\n");
    print_slice(buf_slice(&line));
}

static void print_pair(struct slice key, struct slice value,
                       const struct query_options *options)
{
    if (options->as_json) {
        print_json_pair(key, value);
        return;
    }
    print_slice(key);
    print_slice(options->separator ? slice_from(options->separator) : SLICE("\t"));
    print_slice(value);
    putchar('\n');
}

/* The value as it was before postmap -F made base64 of it. */
static struct slice decoded(struct slice value, struct buf *storage,
                            const struct query_options *options, const char *spec)
{
    if (!options->table.values_are_files)
        return value;
    if (!table_entry_decode(value, storage))
        fatal(EXIT_TROUBLE, "table %s: value is not in base64 form: %.*s", spec,
              SLICE_ARG(value));
    return buf_slice(storage);
}

/* -- asking ----------------------------------------------------------------------------------
 */

struct opened {
    struct table **tables;
    size_t n_tables;
};

static struct table *open_table(const char *spec, const struct query_options *options)
{
    struct error error;
    struct table *table = table_open(spec, &options->table, &error);

    if (!table)
        fatal(EXIT_TROUBLE, "%s", error.text);
    return table;
}

/* The table is opened when it is asked for the first time. */
static struct table *table_of(struct opened *opened, char **specs, size_t i,
                              const struct query_options *options)
{
    if (!opened->tables[i])
        opened->tables[i] = open_table(specs[i], options);
    return opened->tables[i];
}

static bool find(struct table *table, struct slice key, struct buf *value)
{
    struct error error = ERROR_INIT;

    switch (table_lookup(table, key, value, &error)) {
    case TABLE_NOT_FOUND:
        return false;
    case TABLE_FOUND:
        break;
    case TABLE_ERROR:
        fatal(EXIT_TROUBLE, "table %s: query error: %s", table->spec,
              error.text[0] ? error.text : "Application error");
    }
    if (value->len == 0) {
        log_warning("table %s: key %.*s: empty string result is not allowed", table->spec,
                    SLICE_ARG(key));
        log_warning("table %s should return NO RESULT in case of NOT FOUND", table->spec);
    }
    return true;
}

enum query_style { QUERY_VALUE_ALONE, QUERY_WITH_KEY };

static bool query_one(struct opened *opened, char **specs, struct slice key,
                      enum query_style style, const struct query_options *options)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf storage = BUF_INIT;

    for (size_t i = 0; i < opened->n_tables; i++) {
        struct table *table = table_of(opened, specs, i, options);
        struct slice text;

        if (!find(table, key, &value))
            continue;
        text = decoded(buf_slice(&value), &storage, options, table->spec);
        if (options->as_json || style == QUERY_WITH_KEY) {
            print_pair(key, text, options);
        } else {
            print_slice(text);
            putchar('\n');
        }
        return true;
    }
    return false;
}

static void opened_release(struct opened *opened)
{
    for (size_t i = 0; i < opened->n_tables; i++)
        table_close(opened->tables[i]);
    mem_free(opened->tables);
}

/* -- messages ---------------------------------------------------------------------------------
 */

static bool is_asked_for(const struct mime_item *item, unsigned parts)
{
    switch (item->kind) {
    case MIME_HEADER:
        return parts & QUERY_HEADERS;
    case MIME_BODY:
        return (parts & QUERY_BODY) && !item->is_inserted;
    case MIME_HEADER_END:
    default:
        return false;
    }
}

static bool query_items(struct mime *mime, struct opened *opened, char **specs,
                        const struct query_options *options)
{
    struct mime_item item;
    bool is_found = false;

    while (mime_next(mime, &item)) {
        if (is_asked_for(&item, options->message_parts))
            is_found = query_one(opened, specs, item.text, QUERY_WITH_KEY, options) || is_found;
    }
    return is_found;
}

/* Standard input is a message: its headers and the lines of its body are the keys. */
static bool query_message(struct opened *opened, char **specs,
                          const struct query_options *options)
{
    struct mime_options mime_options = {
        .disabled = !(options->message_parts & QUERY_MIME),
        .header_size_limit = (size_t)params.header_size_limit,
        .boundary_length_limit = (size_t)params.mime_boundary_length_limit,
        .nesting_limit = (size_t)params.mime_nesting_limit,
    };
    CLEANUP(mem_free_text) char *line = NULL;
    CLEANUP(mime_release) struct mime mime;
    size_t room = 0;
    ssize_t len;
    bool is_found = false;

    mime_init(&mime, &mime_options);
    while ((len = getline(&line, &room, stdin)) >= 0) {
        if (len && line[len - 1] == '\n')
            len--;
        mime_feed(&mime, slice_of(line, (size_t)len), MIME_LINE_WHOLE);
        is_found = query_items(&mime, opened, specs, options) || is_found;
    }
    if (ferror(stdin))
        fatal(EXIT_TROUBLE, "read standard input: %m");
    mime_end(&mime);
    return query_items(&mime, opened, specs, options) || is_found;
}

/* Answer each line before the next is read: a program may be at the other end. */
static bool query_input(struct opened *opened, char **specs,
                        const struct query_options *options)
{
    CLEANUP(mem_free_text) char *line = NULL;
    size_t room = 0;
    ssize_t len;
    bool is_found = false;

    while ((len = getline(&line, &room, stdin)) >= 0) {
        if (len && line[len - 1] == '\n')
            len--;
        is_found =
            query_one(opened, specs, slice_of(line, (size_t)len), QUERY_WITH_KEY, options) ||
            is_found;
        if (fflush(stdout) == EOF)
            fatal(EXIT_TROUBLE, "write standard output: %m");
    }
    if (ferror(stdin))
        fatal(EXIT_TROUBLE, "read standard input: %m");
    return is_found;
}

bool query_tables(char **specs, const char *key, const struct query_options *options)
{
    CLEANUP(opened_release) struct opened opened = {0};

    while (specs[opened.n_tables])
        opened.n_tables++;
    opened.tables = mem_array(struct table *, opened.n_tables);
    if (options->message_parts)
        return query_message(&opened, specs, options);
    if (slice_equals(slice_from(key), "-"))
        return query_input(&opened, specs, options);
    return query_one(&opened, specs, slice_from(key), QUERY_VALUE_ALONE, options);
}

/* -- listing ----------------------------------------------------------------------------------
 */

struct listing {
    const char *spec;
    const struct query_options *options;
};

static bool list_entry(void *arg, struct slice key, struct slice value)
{
    const struct listing *listing = arg;
    CLEANUP(buf_release) struct buf storage = BUF_INIT;

    print_pair(key, decoded(value, &storage, listing->options, listing->spec),
               listing->options);
    return true;
}

void query_list(char **specs, const struct query_options *options)
{
    for (; *specs; specs++) {
        struct listing listing = {*specs, options};
        struct table *table = open_table(*specs, options);
        struct error error;

        if (table_walk(table, list_entry, &listing, &error) < 0)
            fatal(EXIT_TROUBLE, "%s", error.text);
        table_close(table);
    }
}

/* -- keys ------------------------------------------------------------------------------------
 */

void query_keys_read(struct query_keys *keys, const char *key)
{
    struct error error;
    struct slice rest;
    size_t capacity = 0;

    *keys = (struct query_keys){.text = BUF_INIT};
    if (!slice_equals(slice_from(key), "-")) {
        keys->keys = mem_array(struct slice, 1);
        keys->keys[0] = slice_from(key);
        keys->n_keys = 1;
        return;
    }
    if (fd_read_all(STDIN_FILENO, &keys->text, KEYS_MAX_BYTES, &error) < 0)
        fatal(EXIT_TROUBLE, "standard input: %s", error.text);
    rest = buf_slice(&keys->text);
    while (rest.len) {
        if (keys->n_keys == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            keys->keys = mem_resize(keys->keys, capacity, sizeof(*keys->keys));
        }
        keys->keys[keys->n_keys++] = slice_split(&rest, '\n');
    }
}

void query_keys_release(struct query_keys *keys)
{
    buf_release(&keys->text);
    mem_free(keys->keys);
}
