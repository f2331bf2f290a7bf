/*
 * A hash of open tables.
 */
#include "table/shared.h"

#include "base/hash.h"
#include "base/mem.h"

struct watched_file {
    struct watched_file *next;
    struct file_watch watch;
};

static struct hash tables = {.key_case = HASH_EXACT};
static struct watched_file *files;
static char *trouble; /* that of the first table that could not be opened */

const char *table_shared_trouble(void)
{
    return trouble;
}

/* Two uses share a table when spec and options are the same. */
static void table_identity(struct buf *identity, const char *spec,
                           const struct table_options *options)
{
    buf_printf(identity, "%d%d%d%d%d %s", options->keep_case, options->no_substitution,
               options->sensitive, options->binary_keys, options->values_are_files, spec);
}

struct table *table_shared(const char *spec, const struct table_options *options,
                           struct error *error)
{
    static const struct table_options no_options;
    CLEANUP(buf_release) struct buf identity = BUF_INIT;
    struct table *table;

    table_identity(&identity, spec, options ? options : &no_options);
    table = hash_get(&tables, buf_slice(&identity));
    if (!table) {
        struct error reason = ERROR_INIT;

        table = table_open_anyway(spec, options, &reason);
        hash_set(&tables, buf_slice(&identity), table);
        if (reason.kind != ERROR_NONE && error)
            *error = reason;
        if (reason.kind != ERROR_NONE && !trouble)
            trouble = mem_dup_text(reason.text);
    }
    return table;
}

void table_shared_take_watch(struct file_watch *watch)
{
    struct watched_file *file = mem_new(struct watched_file);

    file->watch = *watch;
    file->next = files;
    files = file;
    *watch = FILE_WATCH_INIT;
}

bool table_shared_any_changed(const char **spec)
{
    struct hash_cursor cursor = {0};
    struct slice identity;
    void *value;

    while (hash_next(&tables, &cursor, &identity, &value)) {
        struct table *table = value;

        if (table_has_changed(table)) {
            *spec = table->spec;
            return true;
        }
    }
    for (struct watched_file *file = files; file; file = file->next) {
        if (file_watch_changed(&file->watch)) {
            *spec = file->watch.path;
            return true;
        }
    }
    return false;
}
