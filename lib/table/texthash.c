/*
 * texthash:/path: a postmap source file that needs no postmap, read when it is opened.
 */
#include "base/log.h"
#include "table/drivers.h"
#include "table/entry.h"
#include "table/fold.h"
#include "table/memory.h"

static void add_entry(struct memory_table *memory, const struct table_source *source,
                      const struct table_options *options, struct slice key, struct slice value)
{
    CLEANUP(buf_release) struct buf folded = BUF_INIT;
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    struct error error;

    if (options->values_are_files) {
        if (table_entry_read_files(value, &contents, &error) < 0) {
            log_warning("%s, line %d: %s: skipping this entry", source->name, source->line,
                        error.text);
            return;
        }
        value = buf_slice(&contents);
    }
    if (options->keep_case)
        buf_set(&folded, key);
    else
        table_fold(&folded, key);
    if (hash_has(&memory->entries, buf_slice(&folded)))
        log_warning("%s, line %d: duplicate entry: \"%.*s\"", source->name, source->line,
                    SLICE_ARG(key));
    else
        memory_table_set(memory, buf_slice(&folded), value);
}

static struct table *texthash_open(const char *name, const struct table_options *options,
                                   struct error *error)
{
    CLEANUP(table_source_release) struct table_source source;
    struct memory_table *memory;
    struct slice line, key, value;

    if (table_source_open(&source, "open database", name, error) < 0)
        return NULL;
    memory = memory_table_new();
    while (table_source_next(&source, &line)) {
        if (table_entry_parse(&source, line, &key, &value))
            add_entry(memory, &source, options, key, value);
    }
    memory->watch = source.watch;
    source.watch = FILE_WATCH_INIT;
    return &memory->table;
}

const struct table_driver table_texthash = {
    .type = "texthash",
    .folds_case = true,
    .open = texthash_open,
    .lookup = memory_table_lookup,
    .close = memory_table_close,
    .walk = memory_table_walk,
    .has_changed = memory_table_has_changed,
};
