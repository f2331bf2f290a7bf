/*
 * inline:{key=value, {key = text with spaces}}: a small table in main.cf itself.
 */
#include "base/mem.h"
#include "conf/words.h"
#include "table/drivers.h"
#include "table/entry.h"
#include "table/fold.h"
#include "table/memory.h"

static int bad_syntax(const char *name, struct error *error)
{
    return error_set(error, ERROR_PERMANENT,
                     "bad syntax: \"inline:%s\"; need \"inline:{name=value...}\"", name);
}

/* "key=value" or "{key = value}" */
static int add_word(struct memory_table *memory, const char *name, struct slice word,
                    const struct table_options *options, struct error *error)
{
    CLEANUP(buf_release) struct buf folded = BUF_INIT;
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    struct slice key, value;

    if (word.ptr[0] == '{' && words_unbrace(word, &word, error) < 0)
        return bad_syntax(name, error);
    value = word;
    key = slice_trim(slice_split(&value, '='));
    value = slice_trim(value);
    if (slice_find(word, '=') == word.len) {
        return error_set(error, ERROR_PERMANENT,
                         "missing '=' after attribute name: \"inline:%s\"; need "
                         "\"inline:{name=value...}\"",
                         name);
    }
    if (options->values_are_files) {
        if (table_entry_read_files(value, &contents, error) < 0)
            return -1;
        value = buf_slice(&contents);
    }
    if (options->keep_case)
        buf_set(&folded, key);
    else
        table_fold(&folded, key);
    memory_table_set(memory, buf_slice(&folded), value);
    return 0;
}

static struct table *inline_open(const char *name, const struct table_options *options,
                                 struct error *error)
{
    struct memory_table *memory;
    struct slice list, word;

    if (words_unbrace(slice_from(name), &list, error) < 0 || list.len == 0) {
        bad_syntax(name, error);
        return NULL;
    }
    memory = memory_table_new();
    while (words_next(&list, WORDS_COMMA_SPACE, &word)) {
        if (add_word(memory, name, word, options, error) < 0) {
            memory_table_close(&memory->table);
            return NULL;
        }
    }
    return &memory->table;
}

const struct table_driver table_inline = {
    .type = "inline",
    .folds_case = true,
    .open = inline_open,
    .lookup = memory_table_lookup,
    .close = memory_table_close,
    .walk = memory_table_walk,
};
