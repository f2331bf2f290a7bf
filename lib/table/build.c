/*
 * Reading entries, sorting them (LMDB writes sorted keys several times faster), putting them
 * into the index.
 */
#include "table/build.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "table/alias_source.h"
#include "table/as_owner.h"
#include "table/entry.h"
#include "table/fold.h"
#include "table/writer.h"

/* What a new index may at most give to others; programs are not among the tables. */
#define MODE_MASK 0666

struct entry {
    uint64_t prefix; /* of the key, so that few comparisons need to look at it */
    struct slice key, value;
    int line;
    bool is_duplicate;
};

struct builder {
    const char *spec;
    const char *path; /* of the source */
    const struct build_options *options;
    const struct table_writer *writer;
    struct table_source source;
    struct arena arena; /* keys and values */
    struct entry *entries;
    size_t n_entries, capacity;
};

/* -- reading ----------------------------------------------------------------------------------
 */

static uint64_t key_prefix(struct slice key)
{
    uint64_t prefix = 0;

    for (size_t i = 0; i < sizeof(prefix); i++)
        prefix = prefix << 8 | (i < key.len ? (unsigned char)key.ptr[i] : 0);
    return prefix;
}

static bool has_nul(const struct builder *builder)
{
    if (builder->writer->without_nul)
        return builder->options->with_nul;
    return !builder->options->without_nul;
}

static void add_entry(struct builder *builder, struct slice key, struct slice value)
{
    struct entry *entry;

    if (builder->n_entries == builder->capacity) {
        builder->capacity = builder->capacity ? builder->capacity * 2 : 1024;
        builder->entries =
            mem_resize(builder->entries, builder->capacity, sizeof(*builder->entries));
    }
    entry = &builder->entries[builder->n_entries++];
    *entry = (struct entry){
        .key = arena_slice(&builder->arena, key),
        .value = arena_slice(&builder->arena, value),
        .line = builder->source.line,
    };
    /* The arena puts a NUL behind each text: that is the one which belongs to the entry. */
    if (has_nul(builder)) {
        entry->key.len++;
        entry->value.len++;
    }
    entry->prefix = key_prefix(entry->key);
}

static void read_line(struct builder *builder, struct slice line, struct buf *key,
                      struct buf *value)
{
    const struct table_source *source = &builder->source;
    CLEANUP(buf_release) struct buf folded = BUF_INIT;
    struct slice key_text, value_text;
    struct error error;

    if (builder->options->syntax == BUILD_ALIASES) {
        if (!alias_source_parse(source, line, key, value))
            return;
        key_text = buf_slice(key);
        value_text = buf_slice(value);
    } else if (!table_entry_parse(source, line, &key_text, &value_text)) {
        return;
    }
    if (builder->options->values_are_files) {
        if (table_entry_read_files(value_text, value, &error) < 0) {
            log_warning("%s, line %d: %s: skipping this entry", source->name, source->line,
                        error.text);
            return;
        }
        value_text = buf_slice(value);
    }
    if (!builder->options->keep_case) {
        table_fold(&folded, key_text);
        key_text = buf_slice(&folded);
    }
    if (key_text.len >= builder->writer->key_max_bytes) {
        log_warning("%s, line %d: key is longer than %zu bytes: skipping this entry",
                    source->name, source->line, builder->writer->key_max_bytes - 1);
        return;
    }
    add_entry(builder, key_text, value_text);
}

static void read_entries(struct builder *builder)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct slice line;

    while (table_source_next(&builder->source, &line))
        read_line(builder, line, &key, &value);
    /* Sendmail looks for this entry to know that an aliases file is complete. */
    builder->source.line = 0;
    if (builder->options->syntax == BUILD_ALIASES && !builder->options->from_stdin)
        add_entry(builder, SLICE("@"), SLICE("@"));
}

/* -- writing ----------------------------------------------------------------------------------
 */

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int order;

    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    order = slice_compare(a->key, b->key);
    return order ? order : a->line - b->line;
}

static int compare_lines(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return a->line - b->line;
}

static int put_entries(struct builder *builder, struct table_update *update,
                       struct error *error)
{
    enum table_put put = builder->options->duplicates == BUILD_DUPLICATES_REPLACE
                             ? TABLE_PUT_REPLACE
                             : TABLE_PUT_NEW;

    if (builder->n_entries > 0)
        qsort(builder->entries, builder->n_entries, sizeof(*builder->entries), compare_entries);
    for (size_t i = 0; i < builder->n_entries; i++) {
        struct entry *entry = &builder->entries[i];
        int result = builder->writer->put(update, entry->key, entry->value, put, error);

        if (result < 0)
            return -1;
        entry->is_duplicate = result == 0;
    }
    return 0;
}

/* In the order of the source. */
static void warn_about_duplicates(struct builder *builder)
{
    size_t n_duplicates = 0;

    for (size_t i = 0; i < builder->n_entries; i++) {
        if (builder->entries[i].is_duplicate)
            builder->entries[n_duplicates++] = builder->entries[i];
    }
    if (n_duplicates > 0)
        qsort(builder->entries, n_duplicates, sizeof(*builder->entries), compare_lines);
    for (size_t i = 0; i < n_duplicates; i++)
        log_warning("%s, line %d: duplicate entry: \"%s\"", builder->source.name,
                    builder->entries[i].line, builder->entries[i].key.ptr);
}

static struct table_update *begin(const struct builder *builder, enum table_update_start start,
                                  const struct stat *source, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    mode_t mode = (source && !builder->options->keep_mode ? source->st_mode : 0644) & MODE_MASK;

    buf_printf(&path, "%s%s", builder->path, builder->writer->suffix);
    return builder->writer->begin(path.data, start, mode, error);
}

static int write_index(struct builder *builder, const struct stat *source, struct error *error)
{
    struct table_update *update =
        begin(builder, builder->options->from_stdin ? TABLE_UPDATE_CREATE : TABLE_UPDATE_EMPTY,
              source, error);

    if (!update)
        return -1;
    if (put_entries(builder, update, error) < 0) {
        builder->writer->abandon(update);
        return -1;
    }
    if (builder->writer->commit(update, error) < 0)
        return -1;
    if (builder->options->duplicates == BUILD_DUPLICATES_WARN)
        warn_about_duplicates(builder);
    return 0;
}

/* -- the whole --------------------------------------------------------------------------------
 */

/* The writer is NULL afterwards for types that are only read. */
static int find_writer(struct builder *builder, struct error *error)
{
    struct slice name = slice_from(builder->spec);
    struct slice type = slice_split(&name, ':');
    const struct table_driver *driver = table_driver_find(type);

    if (type.len == 0 || name.len == 0)
        return error_set(error, ERROR_PERMANENT,
                         "open dictionary: expecting \"type:name\" form instead of \"%s\"",
                         builder->spec);
    if (!driver)
        return error_set(error, ERROR_PERMANENT, "unsupported dictionary type: %.*s",
                         SLICE_ARG(type));
    builder->path = name.ptr;
    builder->writer = driver->writer;
    return 0;
}

static int open_source(struct builder *builder, struct stat *status, struct error *error)
{
    if (builder->options->from_stdin)
        return table_source_open_fd(&builder->source, "stdin", STDIN_FILENO, error);
    if (table_source_open(&builder->source, "open", builder->path, error) < 0)
        return -1;
    *status = builder->source.watch.seen;
    return 0;
}

/* As the owner of the source, unless told otherwise: who can write it gains nothing by that. */
static int build_as_owner(struct builder *builder, const struct stat *source,
                          struct error *error)
{
    struct as_owner owner;
    int result;

    if (!source || builder->options->keep_root)
        return write_index(builder, source, error);
    if (as_owner_begin(&owner, source, builder->path, error) < 0)
        return -1;
    result = write_index(builder, source, error);
    as_owner_end(&owner);
    return result;
}

static void builder_release(struct builder *builder)
{
    table_source_release(&builder->source);
    arena_release(&builder->arena);
    mem_free(builder->entries);
}

int table_build(const char *spec, const struct build_options *options, struct error *error)
{
    CLEANUP(builder_release)
    struct builder builder = {
        .spec = spec,
        .options = options,
        .source = TABLE_SOURCE_INIT,
    };
    struct slice rest = slice_from(spec), type = slice_split(&rest, ':');
    struct stat source = {0}, *status = &source;

    if (find_writer(&builder, error) < 0)
        return -1;
    if (!builder.writer || (builder.writer->is_live && !options->from_stdin)) {
        return error_set(error, ERROR_PERMANENT,
                         "unsupported dictionary type: %.*s does not support bulk-mode "
                         "creation.",
                         SLICE_ARG(type));
    }
    if (open_source(&builder, status, error) < 0)
        return -1;
    if (options->from_stdin && stat(builder.path, status) < 0)
        status = NULL; /* an index may well have no source */
    read_entries(&builder);
    return build_as_owner(&builder, status, error);
}

static int delete_keys(struct builder *builder, const struct slice *keys, size_t n_keys,
                       struct error *error)
{
    struct table_update *update = begin(builder, TABLE_UPDATE_COPY, NULL, error);
    int n_deleted = 0;

    if (!update)
        return -1;
    for (size_t i = 0; i < n_keys; i++) {
        CLEANUP(buf_release) struct buf key = BUF_INIT;
        int with, without;

        if (builder->options->keep_case)
            buf_set(&key, keys[i]);
        else
            table_fold(&key, keys[i]);
        with = builder->writer->remove(update, slice_of(key.data, key.len + 1), error);
        without = builder->writer->remove(update, buf_slice(&key), error);
        if (with < 0 || without < 0) {
            builder->writer->abandon(update);
            return -1;
        }
        n_deleted += with || without;
    }
    if (n_deleted == 0)
        builder->writer->abandon(update);
    else if (builder->writer->commit(update, error) < 0)
        return -1;
    return n_deleted;
}

int table_delete(const char *spec, const struct slice *keys, size_t n_keys,
                 const struct build_options *options, struct error *error)
{
    struct builder builder = {.spec = spec, .options = options};
    struct as_owner owner;
    struct stat source;
    int n_deleted;

    if (find_writer(&builder, error) < 0)
        return -1;
    if (!builder.writer)
        return error_set(error, ERROR_PERMANENT, "%s map requires O_RDONLY access mode", spec);
    if (options->keep_root || stat(builder.path, &source) < 0)
        return delete_keys(&builder, keys, n_keys, error);
    if (as_owner_begin(&owner, &source, builder.path, error) < 0)
        return -1;
    n_deleted = delete_keys(&builder, keys, n_keys, error);
    as_owner_end(&owner);
    return n_deleted;
}
