/*
 * pipemap:{type:name, ...} asks the second table for what the first answers, and so on;
 * unionmap:{type:name, ...} joins the answers of all of them with commas.
 */
#include "base/mem.h"
#include "conf/words.h"
#include "table/drivers.h"

struct part {
    struct part *next;
    struct table *table;
};

struct compound {
    struct table table;
    struct part *first;
};

static struct compound *compound_of(struct table *table)
{
    return CONTAINER_OF(table, struct compound, table);
}

static void compound_close(struct table *table)
{
    struct compound *compound = compound_of(table);
    struct part *part;

    while ((part = compound->first) != NULL) {
        compound->first = part->next;
        table_close(part->table);
        mem_free(part);
    }
    mem_free(compound);
}

static int bad_syntax(const char *type, const char *name, struct error *error)
{
    return error_set(error, ERROR_PERMANENT,
                     "bad syntax: \"%s:%s\"; need \"%s:{type:name...}\"", type, name, type);
}

static int add_parts(struct compound *compound, const char *type, const char *name,
                     const struct table_options *options, struct error *error)
{
    struct part **end = &compound->first;
    struct slice list, word;

    if (words_unbrace(slice_from(name), &list, error) < 0 || list.len == 0)
        return bad_syntax(type, name, error);
    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        CLEANUP(mem_free_text) char *spec = slice_dup(word);
        struct table *table;

        if (slice_find(word, ':') == word.len)
            return bad_syntax(type, name, error);
        table = table_open(spec, options, error);
        if (!table)
            return -1;
        *end = mem_new(struct part);
        (*end)->table = table;
        end = &(*end)->next;
    }
    return 0;
}

static struct table *compound_open(const char *type, const char *name,
                                   const struct table_options *options, struct error *error)
{
    struct compound *compound = mem_new(struct compound);

    if (add_parts(compound, type, name, options, error) < 0) {
        compound_close(&compound->table);
        return NULL;
    }
    /* The first one decides how all of them may be asked, as with Postfix. */
    compound->table.is_pattern = compound->first->table->is_pattern;
    return &compound->table;
}

static bool compound_has_changed(struct table *table)
{
    for (struct part *part = compound_of(table)->first; part; part = part->next) {
        if (table_has_changed(part->table))
            return true;
    }
    return false;
}

static struct table *pipemap_open(const char *name, const struct table_options *options,
                                  struct error *error)
{
    return compound_open("pipemap", name, options, error);
}

static struct table *unionmap_open(const char *name, const struct table_options *options,
                                   struct error *error)
{
    return compound_open("unionmap", name, options, error);
}

static enum table_result pipemap_lookup(struct table *table, struct slice key,
                                        struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf question = BUF_INIT;
    CLEANUP(buf_release) struct buf answer = BUF_INIT;

    buf_set(&question, key);
    for (struct part *part = compound_of(table)->first; part; part = part->next) {
        enum table_result result =
            table_lookup(part->table, buf_slice(&question), &answer, error);

        if (result != TABLE_FOUND)
            return result;
        buf_set(&question, buf_slice(&answer));
    }
    buf_set(value, buf_slice(&question));
    return TABLE_FOUND;
}

static enum table_result unionmap_lookup(struct table *table, struct slice key,
                                         struct buf *value, struct error *error)
{
    CLEANUP(buf_release) struct buf all = BUF_INIT;
    CLEANUP(buf_release) struct buf answer = BUF_INIT;

    for (struct part *part = compound_of(table)->first; part; part = part->next) {
        enum table_result result = table_lookup(part->table, key, &answer, error);

        if (result == TABLE_ERROR)
            return TABLE_ERROR;
        if (result == TABLE_NOT_FOUND)
            continue;
        if (all.len)
            buf_add_char(&all, ',');
        buf_add_slice(&all, buf_slice(&answer));
    }
    if (all.len == 0)
        return TABLE_NOT_FOUND;
    buf_set(value, buf_slice(&all));
    return TABLE_FOUND;
}

const struct table_driver table_pipemap = {
    .type = "pipemap",
    .open = pipemap_open,
    .lookup = pipemap_lookup,
    .close = compound_close,
    .has_changed = compound_has_changed,
};

const struct table_driver table_unionmap = {
    .type = "unionmap",
    .open = unionmap_open,
    .lookup = unionmap_lookup,
    .close = compound_close,
    .has_changed = compound_has_changed,
};
