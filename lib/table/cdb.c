/*
 * cdb:/path: the index /path.cdb that postmap and postalias write, of a kind that is written
 * once and never changed.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/watch.h"
#include "table/drivers.h"
#include "table/index_age.h"
#include "table/new_file.h"
#include "table/plugin_load.h"
#include "table/writer.h"

#define CDB_SUFFIX ".cdb"

struct cdb_table {
    struct table table;
    const struct index_plugin *plugin;
    struct plugin_index *index;
    struct file_watch watch;
};

static struct cdb_table *cdb_of(struct table *table)
{
    return CONTAINER_OF(table, struct cdb_table, table);
}

static const struct index_plugin *load(struct error *error)
{
    const struct index_plugin *plugin =
        plugin_load("cdb", "libcdb-dev", INDEX_PLUGIN_SYMBOL, error);

    if (!plugin || plugin->abi == TABLE_PLUGIN_ABI)
        return plugin;
    error_set(error, ERROR_PERMANENT,
              "unsupported dictionary type: cdb (its plug-in is of another version)");
    return NULL;
}

static void cdb_close(struct table *table)
{
    struct cdb_table *cdb = cdb_of(table);

    if (cdb->index)
        cdb->plugin->close(cdb->index);
    file_watch_close(&cdb->watch);
    mem_free(cdb);
}

static struct table *cdb_open(const char *name, const struct table_options *options,
                              struct error *error)
{
    const struct index_plugin *plugin = load(error);
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct plugin_report report = {.text = ""};
    struct cdb_table *cdb;

    (void)options;
    if (!plugin)
        return NULL;
    cdb = mem_new(struct cdb_table);
    cdb->plugin = plugin;
    cdb->watch = FILE_WATCH_INIT;
    buf_printf(&path, "%s" CDB_SUFFIX, name);
    if (file_watch_open(&cdb->watch, "open database", path.data, error) < 0) {
        cdb_close(&cdb->table);
        return NULL;
    }
    cdb->index = plugin->open(cdb->watch.fd, &report);
    if (!cdb->index) {
        error_set(error, ERROR_TEMPORARY, "open database %s: %s", path.data, report.text);
        cdb_close(&cdb->table);
        return NULL;
    }
    index_warn_if_older(&cdb->watch, name);
    return &cdb->table;
}

/* Values are written with or without a NUL at their end. */
static struct slice without_nul(const char *text, size_t len)
{
    if (len && text[len - 1] == '\0')
        len--;
    return slice_of(text, len);
}

static enum table_result cdb_lookup(struct table *table, struct slice key, struct buf *value,
                                    struct error *error)
{
    const struct cdb_table *cdb = cdb_of(table);
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    const char *found;
    size_t len;
    int result;

    buf_set(&text, key);
    result = cdb->plugin->find(cdb->index, text.data, text.len, &found, &len);
    if (result == 0)
        result = cdb->plugin->find(cdb->index, text.data, text.len + 1, &found, &len);
    if (result == 0)
        return TABLE_NOT_FOUND;
    if (result > 0) {
        buf_set(value, without_nul(found, len));
        return TABLE_FOUND;
    }
    error_set(error, ERROR_TEMPORARY, "error reading %s: %s", cdb->watch.path,
              errno == EPROTO ? "the file is damaged" : strerror(errno));
    return TABLE_ERROR;
}

struct visitor {
    table_entry_fn *entry;
    void *arg;
};

static bool visit(void *arg, const char *key, size_t key_len, const char *value,
                  size_t value_len)
{
    const struct visitor *visitor = arg;

    return visitor->entry(visitor->arg, without_nul(key, key_len),
                          without_nul(value, value_len));
}

static int cdb_walk(struct table *table, table_entry_fn *entry, void *arg, struct error *error)
{
    const struct cdb_table *cdb = cdb_of(table);
    struct visitor visitor = {entry, arg};

    if (cdb->plugin->walk(cdb->index, visit, &visitor) == 0)
        return 0;
    return error_set(error, ERROR_TEMPORARY, "error reading %s: the file is damaged",
                     cdb->watch.path);
}

static bool cdb_has_changed(struct table *table)
{
    return file_watch_changed(&cdb_of(table)->watch);
}

/* -- writing ---------------------------------------------------------------------------------
 */

struct cdb_update {
    struct table_update update;
    const struct index_plugin *plugin;
    struct plugin_make *make; /* NULL: none, or done */
    struct new_file file;
};

static void cdb_abandon(struct table_update *update)
{
    struct cdb_update *cdb = CONTAINER_OF(update, struct cdb_update, update);

    if (cdb->make)
        cdb->plugin->abandon(cdb->make);
    new_file_release(&cdb->file);
    mem_free(cdb);
}

static const struct table_writer cdb_writer;

static struct table_update *cdb_begin(const char *path, enum table_update_start start,
                                      mode_t mode, struct error *error)
{
    const struct index_plugin *plugin = load(error);
    struct plugin_report report = {.text = ""};
    struct cdb_update *cdb;

    if (!plugin)
        return NULL;
    if (start != TABLE_UPDATE_EMPTY) {
        error_set(error, ERROR_PERMANENT,
                  "dict_cdb_open: inappropriate open flags for cdb database - specify O_RDONLY "
                  "or O_WRONLY|O_CREAT|O_TRUNC");
        return NULL;
    }
    cdb = mem_new(struct cdb_update);
    cdb->update.writer = &cdb_writer;
    cdb->plugin = plugin;
    cdb->file = NEW_FILE_INIT;
    if (new_file_create(&cdb->file, path, mode, error) < 0) {
        cdb_abandon(&cdb->update);
        return NULL;
    }
    cdb->make = plugin->begin(cdb->file.fd, &report);
    if (!cdb->make) {
        error_set(error, ERROR_TEMPORARY, "open database %s: %s", path, report.text);
        cdb_abandon(&cdb->update);
        return NULL;
    }
    return &cdb->update;
}

static int cdb_put(struct table_update *update, struct slice key, struct slice value,
                   enum table_put put, struct error *error)
{
    struct cdb_update *cdb = CONTAINER_OF(update, struct cdb_update, update);
    const char *const texts[2] = {key.ptr, value.ptr};
    const size_t lengths[2] = {key.len, value.len};

    (void)put; /* the file is new, and each key comes once */
    if (!cdb->plugin->put(cdb->make, texts, lengths))
        return error_set(error, ERROR_TEMPORARY, "error writing %s: %m", cdb->file.path);
    return 1;
}

static int cdb_commit(struct table_update *update, struct error *error)
{
    struct cdb_update *cdb = CONTAINER_OF(update, struct cdb_update, update);
    struct plugin_make *make = cdb->make;
    int result;

    cdb->make = NULL;
    if (cdb->plugin->finish(make))
        result = new_file_commit(&cdb->file, error);
    else
        result = error_set(error, ERROR_TEMPORARY, "error writing %s: %m", cdb->file.path);
    cdb_abandon(update);
    return result;
}

/* Nothing is ever removed: that would need TABLE_UPDATE_COPY. */
static const struct table_writer cdb_writer = {
    .suffix = CDB_SUFFIX,
    .key_max_bytes = (size_t)1 << 20,
    .without_nul = true,
    .begin = cdb_begin,
    .put = cdb_put,
    .commit = cdb_commit,
    .abandon = cdb_abandon,
};

const struct table_driver table_cdb = {
    .type = "cdb",
    .is_plugin = true,
    .folds_case = true,
    .open = cdb_open,
    .lookup = cdb_lookup,
    .close = cdb_close,
    .walk = cdb_walk,
    .has_changed = cdb_has_changed,
    .writer = &cdb_writer,
};
