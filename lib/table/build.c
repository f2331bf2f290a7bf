/*
 * Reading entries, sorting them (LMDB writes sorted keys several times faster, and then those
 * with the same key stand together), putting them into the index. Memory does not grow with the
 * table.
 */
#include "table/build.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/progress.h"
#include "base/sorter.h"
#include "table/alias_source.h"
#include "table/as_owner.h"
#include "table/entry.h"
#include "table/fold.h"
#include "table/writer.h"

/* What a new index may at most give to others; programs are not among the tables. */
#define MODE_MASK 0666

/* Of texts, in memory at a time: those of the table, and those of the duplicates. */
#define SORT_BYTES           ((size_t)8 << 20)
#define SORT_DUPLICATE_BYTES ((size_t)1 << 20)

struct builder {
    const char *spec;
    const char *path; /* of the source */
    const struct build_options *options;
    const struct table_writer *writer;
    struct table_source source;
    struct progress progress;
    struct sorter *entries;
    struct sorter *duplicates; /* their keys by line number; NULL: none */
};

/* -- reading ----------------------------------------------------------------------------------
 */

static bool has_nul(const struct builder *builder)
{
    if (builder->writer->without_nul)
        return builder->options->with_nul;
    return !builder->options->without_nul;
}

static int add_entry(struct builder *builder, struct slice key, struct slice value,
                     struct error *error)
{
    struct sorter_entry entry = {key, value, builder->source.line};

    return sorter_add(builder->entries, &entry, error);
}

/* A file beside which there may be others; what a service keeps has no place of its own. */
static const char *sorting_place(const struct builder *builder)
{
    return builder->writer->is_live ? "/var/tmp/index" : builder->path;
}

/* What every line needs memory for. */
struct line_texts {
    struct buf key, value, folded;
};

static void line_texts_release(struct line_texts *texts)
{
    buf_release(&texts->key);
    buf_release(&texts->value);
    buf_release(&texts->folded);
}

/* False: the line is passed over, which was said. */
static bool parse_line(const struct builder *builder, struct slice line,
                       struct line_texts *texts, struct slice *key, struct slice *value)
{
    const struct table_source *source = &builder->source;
    struct error error;

    if (builder->options->syntax == BUILD_ALIASES) {
        if (!alias_source_parse(source, line, &texts->key, &texts->value))
            return false;
        *key = buf_slice(&texts->key);
        *value = buf_slice(&texts->value);
    } else if (!table_entry_parse(source, line, key, value)) {
        return false;
    }
    if (builder->options->values_are_files) {
        if (table_entry_read_files(*value, &texts->value, &error) < 0) {
            log_warning("%s, line %d: %s: skipping this entry", source->name, source->line,
                        error.text);
            return false;
        }
        *value = buf_slice(&texts->value);
    }
    if (!builder->options->keep_case) {
        buf_reset(&texts->folded);
        table_fold(&texts->folded, *key);
        *key = buf_slice(&texts->folded);
    }
    if (key->len >= builder->writer->key_max_bytes) {
        log_warning("%s, line %d: key is longer than %zu bytes: skipping this entry",
                    source->name, source->line, builder->writer->key_max_bytes - 1);
        return false;
    }
    return true;
}

static int read_entries(struct builder *builder, struct error *error)
{
    CLEANUP(line_texts_release)
    struct line_texts texts = {.key = BUF_INIT, .value = BUF_INIT, .folded = BUF_INIT};
    struct slice line, key, value;

    builder->entries = sorter_new(sorting_place(builder), SORT_BYTES,
                                  builder->options->duplicates == BUILD_DUPLICATES_REPLACE
                                      ? SORTER_NEWEST_FIRST
                                      : SORTER_OLDEST_FIRST);
    while (table_source_next(&builder->source, &line)) {
        progress_step(&builder->progress);
        if (parse_line(builder, line, &texts, &key, &value) &&
            add_entry(builder, key, value, error) < 0)
            return -1;
    }
    if (table_source_check(&builder->source, error) < 0)
        return -1;
    /* Sendmail looks for this entry to know that an aliases file is complete. */
    builder->source.line = 0;
    if (builder->options->syntax == BUILD_ALIASES && !builder->options->from_stdin)
        return add_entry(builder, SLICE("@"), SLICE("@"), error);
    return 0;
}

/* -- writing ----------------------------------------------------------------------------------
 */

static int add_duplicate(struct builder *builder, const struct sorter_entry *entry,
                         struct error *error)
{
    unsigned number = (unsigned)entry->number;
    const unsigned char big_endian[] = {(unsigned char)(number >> 24),
                                        (unsigned char)(number >> 16),
                                        (unsigned char)(number >> 8), (unsigned char)number};
    struct sorter_entry duplicate = {slice_of(big_endian, sizeof(big_endian)), entry->key,
                                     entry->number};

    if (builder->options->duplicates != BUILD_DUPLICATES_WARN)
        return 0;
    if (!builder->duplicates)
        builder->duplicates =
            sorter_new(sorting_place(builder), SORT_DUPLICATE_BYTES, SORTER_OLDEST_FIRST);
    return sorter_add(builder->duplicates, &duplicate, error);
}

/* In the order of the source. */
static int warn_about_duplicates(struct builder *builder, struct error *error)
{
    struct sorter_entry entry;
    int result = 0;

    while (builder->duplicates &&
           (result = sorter_next(builder->duplicates, &entry, error)) > 0)
        log_warning("%s: duplicate entry: \"%s\" (%s, line %d)", builder->spec, entry.value.ptr,
                    builder->source.name, entry.number);
    return result;
}

static int put_entries(struct builder *builder, struct table_update *update,
                       struct error *error)
{
    CLEANUP(buf_release) struct buf last = BUF_INIT;
    enum table_put put = builder->options->duplicates == BUILD_DUPLICATES_REPLACE
                             ? TABLE_PUT_REPLACE
                             : TABLE_PUT_NEW;
    size_t nul = has_nul(builder);
    struct sorter_entry entry;
    bool is_first = true;
    int result, done;

    while ((result = sorter_next(builder->entries, &entry, error)) > 0) {
        progress_step(&builder->progress);
        if (!is_first && slice_same(entry.key, buf_slice(&last))) {
            done = 0;
        } else {
            /* The sorter puts a NUL behind each text: the one that belongs to the entry. */
            done = builder->writer->put(update, slice_of(entry.key.ptr, entry.key.len + nul),
                                        slice_of(entry.value.ptr, entry.value.len + nul), put,
                                        error);
            buf_set(&last, entry.key);
            is_first = false;
        }
        if (done < 0 || (done == 0 && add_duplicate(builder, &entry, error) < 0))
            return -1;
    }
    return result;
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
    return warn_about_duplicates(builder, error);
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
    if (builder->options->from_stdin) {
        table_source_open_fd(&builder->source, "stdin", STDIN_FILENO);
        return 0;
    }
    if (table_source_open_stream(&builder->source, "open", builder->path, error) < 0)
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
    progress_end(&builder->progress);
    table_source_release(&builder->source);
    sorter_free(builder->entries);
    sorter_free(builder->duplicates);
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

    if (options->shows_progress)
        progress_begin(&builder.progress, "lines read and entries written");
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
    if (read_entries(&builder, error) < 0)
        return -1;
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
