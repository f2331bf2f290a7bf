/*
 * Lists of tables, asked one after the other.
 */
#include "table/maps.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/trace.h"
#include "conf/words.h"
#include "table/maps_internal.h"
#include "table/shared.h"

/* A header can be long. */
#define KEY_SHOWN_BYTES 250

static void add_table(struct maps *maps, struct table *table)
{
    maps->tables = mem_resize(maps->tables, maps->n_tables + 1, sizeof(struct table *));
    maps->tables[maps->n_tables++] = table;
}

static struct maps *open_with(const char *title, const char *list,
                              const struct table_options *options, struct error *error)
{
    struct maps *maps = mem_new(struct maps);
    struct slice rest = slice_from(list), word;
    struct error first = ERROR_INIT;

    maps->title = mem_dup_text(title);
    while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(mem_free_text) char *spec = slice_dup(word);

        add_table(maps, table_shared(spec, options, first.kind == ERROR_NONE ? &first : NULL));
    }
    if (error && first.kind != ERROR_NONE)
        *error = first;
    return maps;
}

struct maps *maps_open(const char *title, const char *list, struct error *error)
{
    static const struct table_options options;

    return open_with(title, list, &options, error);
}

struct maps *maps_open_sensitive(const char *title, const char *list, struct error *error)
{
    static const struct table_options options = {.sensitive = true};

    return open_with(title, list, &options, error);
}

struct maps *maps_open_verbatim(const char *title, const char *list, struct error *error)
{
    static const struct table_options options = {.no_substitution = true};

    return open_with(title, list, &options, error);
}

struct maps *maps_open_for_text(const char *title, const char *list, struct error *error)
{
    static const struct table_options options = {.binary_keys = true};

    return open_with(title, list, &options, error);
}

void maps_free(struct maps *maps)
{
    if (!maps)
        return;
    mem_free(maps->tables); /* the tables themselves stay open */
    mem_free(maps->title);
    mem_free(maps);
}

bool maps_is_empty(const struct maps *maps)
{
    return maps->n_tables == 0;
}

/* As Postfix does: the detail is a line of its own, the caller gets the question. */
static enum table_result failed(const struct table *table, struct slice key,
                                const struct error *detail, struct error *error)
{
    if (detail->text[0])
        log_warning("%s", detail->text);
    error_set(error, ERROR_TEMPORARY, "%s lookup error for \"%.*s\"", table->spec,
              SLICE_ARG(slice_sub(key, 0, KEY_SHOWN_BYTES)));
    return TABLE_ERROR;
}

static enum table_result empty_answer(const struct maps *maps, struct slice key,
                                      struct error *error)
{
    error_set(error, ERROR_TEMPORARY, "%s lookup of %.*s returns an empty string result",
              maps->title, SLICE_ARG(key));
    return TABLE_ERROR;
}

static void trace_answer(const struct maps *maps, const struct table *table, struct slice key,
                         enum table_result result, const struct buf *answer)
{
    /* An access table has no parameter of its own. */
    const char *title = strchr(maps->title, ' ') ? "" : maps->title;

    trace_step("%s%s%s \"%.*s\": %s%s%s", title, *title ? ": " : "", table->spec,
               SLICE_ARG(key), result == TABLE_FOUND ? "\"" : "",
               result == TABLE_FOUND       ? answer->data
               : result == TABLE_NOT_FOUND ? "not found"
                                           : "look-up error",
               result == TABLE_FOUND ? "\"" : "");
}

/* The next key is no longer than its caller: the driver reads it before it waits. */
static enum table_result look_up(struct table *table, struct slice key, struct slice next_key,
                                 struct buf *answer, struct error *error)
{
    table->next_key = table->is_pattern ? SLICE_EMPTY : next_key;
    enum table_result result = table_lookup(table, key, answer, error);

    table->next_key = SLICE_EMPTY;
    return result;
}

enum table_result maps_find_in(struct maps *maps, enum maps_key key_kind, struct slice key,
                               struct slice next_key, struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf answer = BUF_INIT;
    struct error detail = ERROR_INIT;

    if (key.len == 0)
        return TABLE_NOT_FOUND;
    for (size_t i = 0; i < maps->n_tables; i++) {
        struct table *table = maps->tables[i];

        if (key_kind == MAPS_KEY_PARTIAL && table->is_pattern)
            continue;
        enum table_result result = look_up(table, key, next_key, &answer, &detail);

        if (trace_is_on)
            trace_answer(maps, table, key, result, &answer);
        switch (result) {
        case TABLE_NOT_FOUND:
            continue;
        case TABLE_ERROR:
            return failed(table, key, &detail, error);
        case TABLE_FOUND:
            if (answer.len == 0)
                return empty_answer(maps, key, error);
            buf_set(value, buf_slice(&answer));
            return TABLE_FOUND;
        }
    }
    return TABLE_NOT_FOUND;
}

enum table_result maps_find(struct maps *maps, struct slice key, struct buf *value,
                            struct error *error)
{
    return maps_find_in(maps, MAPS_KEY_WHOLE, key, SLICE_EMPTY, value, error);
}

bool maps_any_changed(const char **spec)
{
    return table_shared_any_changed(spec);
}
