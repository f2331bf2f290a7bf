/*
 * memcache:/file: a memcached server, asked in its text protocol, with another table behind it
 * where the parameter file names one: what that knows is put into the server on the way.
 */
#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "table/drivers.h"
#include "table/key_format.h"
#include "table/match_list.h"
#include "table/memcache_protocol.h"
#include "table/plugin_load.h"
#include "table/settings.h"
#include "table/writer.h"

/* Of the protocol; what a longer key could find is in the table behind. */
#define KEY_MAX_BYTES 250

enum {
    MEMCACHE,
    BACKUP,
    FLAGS,
    TTL,
    KEY_FORMAT,
    KEY_DIGEST,
    DOMAIN,
    DATA_SIZE_LIMIT,
    LINE_SIZE_LIMIT,
    MAX_TRY,
    RETRY_PAUSE,
    TIMEOUT,
    N_SETTINGS
};

static const struct plugin_setting rows[N_SETTINGS] = {
    [MEMCACHE] = {"memcache", PLUGIN_TEXT, "inet:localhost:11211", 0, 0},
    [BACKUP] = {"backup", PLUGIN_TEXT, "", 0, 0},
    [FLAGS] = {"flags", PLUGIN_NUMBER, "0", 0, INT_MAX},
    [TTL] = {"ttl", PLUGIN_NUMBER, "3600", 0, INT_MAX},
    [KEY_FORMAT] = {"key_format", PLUGIN_TEXT, "%s", 1, 0},
    [KEY_DIGEST] = {"key_digest", PLUGIN_TEXT, "", 0, 0},
    [DOMAIN] = {"domain", PLUGIN_TEXT, "", 0, 0},
    [DATA_SIZE_LIMIT] = {"data_size_limit", PLUGIN_NUMBER, "10240", 1, 1 << 20},
    [LINE_SIZE_LIMIT] = {"line_size_limit", PLUGIN_NUMBER, "1024", 1, 1 << 20},
    [MAX_TRY] = {"max_try", PLUGIN_NUMBER, "2", 1, 100},
    [RETRY_PAUSE] = {"retry_pause", PLUGIN_NUMBER, "1", 1, 3600},
    [TIMEOUT] = {"timeout", PLUGIN_NUMBER, "2", 1, 3600},
};

struct memcache {
    struct table table;
    struct table_settings settings;
    struct plugin_value values[N_SETTINGS];
    const struct digest_plugin *digest; /* NULL: keys go as they are */
    struct match_list *domains;
    struct memcache_server server;
    struct table *backup;
};

static struct memcache *memcache_of(struct table *table)
{
    return CONTAINER_OF(table, struct memcache, table);
}

/* -- opening ---------------------------------------------------------------------------------
 */

static int init_peer(struct peer *peer, struct slice server, struct error *error)
{
    if (slice_starts_with(server, "unix:")) {
        peer_init_unix(peer, slice_from_offset(server, sizeof("unix:") - 1));
        return 0;
    }
    if (slice_starts_with(server, "inet:"))
        server = slice_from_offset(server, sizeof("inet:") - 1);
    return peer_init_inet(peer, server, error);
}

static int load_digest(struct memcache *memcache, struct error *error)
{
    const char *name = memcache->values[KEY_DIGEST].text;
    unsigned char digest[PLUGIN_DIGEST_BYTES];
    const struct digest_plugin *plugin =
        plugin_load("digest", "libssl-dev", DIGEST_PLUGIN_SYMBOL, error);

    if (!plugin)
        return error_context(error, "%s: key_digest = %s", memcache->settings.name, name);
    if (plugin->abi != TABLE_PLUGIN_ABI)
        return error_set(error, ERROR_PERMANENT,
                         "%s: key_digest = %s: the plug-in \"digest\" is of another version",
                         memcache->settings.name, name);
    if (plugin->compute(name, "", 0, digest) < 0)
        return error_set(error, ERROR_PERMANENT, "%s: unknown digest: key_digest = %s",
                         memcache->settings.name, name);
    memcache->digest = plugin;
    return 0;
}

static int read_settings(struct memcache *memcache, struct error *error)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (table_settings_value(&memcache->settings, &rows[i], &memcache->values[i], error) <
            0)
            return -1;
    }
    if (key_format_check(memcache->values[KEY_FORMAT].text, memcache->settings.name,
                         "key_format", error) < 0)
        return -1;
    if (memcache->values[KEY_DIGEST].text[0] && load_digest(memcache, error) < 0)
        return -1;
    if (memcache->values[DOMAIN].text[0])
        memcache->domains =
            match_list_open("domain", memcache->values[DOMAIN].text, MATCH_PARENTS_NEVER, NULL);
    memcache->server = (struct memcache_server){
        .name = memcache->settings.name,
        .flags = memcache->values[FLAGS].number,
        .ttl = memcache->values[TTL].number,
        .data_size_limit = memcache->values[DATA_SIZE_LIMIT].number,
        .line_size_limit = memcache->values[LINE_SIZE_LIMIT].number,
        .max_try = memcache->values[MAX_TRY].number,
        .retry_pause = memcache->values[RETRY_PAUSE].number,
        .timeout = memcache->values[TIMEOUT].number,
    };
    return init_peer(&memcache->server.peer,
                     slice_trim(slice_from(memcache->values[MEMCACHE].text)), error);
}

static void memcache_close(struct table *table)
{
    struct memcache *memcache = memcache_of(table);

    if (memcache->server.peer.text)
        peer_release(&memcache->server.peer);
    table_close(memcache->backup);
    match_list_free(memcache->domains);
    table_settings_release(&memcache->settings);
    mem_free(memcache);
}

/* Without what is behind. */
static struct memcache *open_front(const char *name, struct error *error)
{
    struct memcache *memcache = mem_new(struct memcache);

    if (table_settings_open(&memcache->settings, name, error) < 0) {
        mem_free(memcache);
        return NULL;
    }
    if (read_settings(memcache, error) < 0) {
        memcache_close(&memcache->table);
        return NULL;
    }
    return memcache;
}

static struct table *memcache_open(const char *name, const struct table_options *options,
                                   struct error *error)
{
    struct memcache *memcache = open_front(name, error);

    if (!memcache)
        return NULL;
    if (memcache->values[BACKUP].text[0])
        memcache->backup = table_open_anyway(memcache->values[BACKUP].text, options, NULL);
    return &memcache->table;
}

static bool memcache_has_changed(struct table *table)
{
    struct memcache *memcache = memcache_of(table);

    return file_watch_changed(&memcache->settings.watch) ||
           (memcache->backup && table_has_changed(memcache->backup));
}

/* -- keys ------------------------------------------------------------------------------------
 */

static void digest_key(const struct memcache *memcache, struct buf *key)
{
    unsigned char hash[PLUGIN_DIGEST_BYTES];
    long len =
        memcache->digest->compute(memcache->values[KEY_DIGEST].text, key->data, key->len, hash);

    buf_reset(key);
    for (long i = 0; i < len; i++)
        buf_printf(key, "%02x", hash[i]);
}

/* False: the server cannot have such a key. */
static bool make_key(const struct memcache *memcache, struct slice key, struct buf *out)
{
    if (!key_format_query(memcache->values[KEY_FORMAT].text, key, NULL, out))
        return false;
    if (memcache->digest)
        digest_key(memcache, out);
    for (size_t i = 0; i < out->len; i++) {
        unsigned char byte = (unsigned char)out->data[i];

        if (byte <= ' ' || byte == 0x7f)
            return false;
    }
    return out->len > 0 && out->len <= KEY_MAX_BYTES;
}

/* Is the domain one of ours? FOUND, or what the look-up ends with. */
static enum table_result check_domain(struct memcache *memcache, struct slice key,
                                      struct error *error)
{
    size_t at = slice_find_last(key, '@');

    if (!memcache->domains)
        return TABLE_FOUND;
    if (at == 0 || at + 1 >= key.len)
        return TABLE_NOT_FOUND;
    return match_list_name(memcache->domains, slice_from_offset(key, at + 1), error);
}

/* -- looking up ------------------------------------------------------------------------------
 */

/* What the server does not take is found behind it the next time. */
static void put(struct memcache *memcache, struct slice key, struct slice value)
{
    struct error error;

    if (memcache_set(&memcache->server, key, value, &error) < 0)
        log_warning("%s", error.text);
}

static enum table_result memcache_lookup(struct table *table, struct slice key,
                                         struct buf *value, struct error *error)
{
    struct memcache *memcache = memcache_of(table);
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    enum table_result result = check_domain(memcache, key, error), backup;
    bool has_key = make_key(memcache, key, &name);

    if (result != TABLE_FOUND)
        return result;
    result = TABLE_NOT_FOUND;
    if (has_key)
        result = memcache_get(&memcache->server, buf_slice(&name), value, error);
    if (result == TABLE_FOUND || !memcache->backup)
        return result;
    if (result == TABLE_ERROR && error)
        log_warning("%s", error->text);
    backup = table_lookup(memcache->backup, key, value, error);
    /* A server that was not there a moment ago costs no second wait. */
    if (backup == TABLE_FOUND && result == TABLE_NOT_FOUND && has_key)
        put(memcache, buf_slice(&name), buf_slice(value));
    return backup;
}

static int memcache_walk(struct table *table, table_entry_fn *entry, void *arg,
                         struct error *error)
{
    struct memcache *memcache = memcache_of(table);

    if (!memcache->backup)
        return error_set(error, ERROR_PERMANENT,
                         "table %s: sequence operation is not supported", table->spec);
    return table_walk(memcache->backup, entry, arg, error);
}

/* -- changing --------------------------------------------------------------------------------
 */

struct memcache_update {
    struct table_update update;
    struct memcache *memcache;
    struct table_update *backup; /* NULL: there is none */
};

static void memcache_abandon(struct table_update *update)
{
    struct memcache_update *memcache = CONTAINER_OF(update, struct memcache_update, update);

    if (memcache->backup)
        memcache->backup->writer->abandon(memcache->backup);
    memcache_close(&memcache->memcache->table);
    mem_free(memcache);
}

static int begin_backup(struct memcache_update *memcache, enum table_update_start start,
                        mode_t mode, struct error *error)
{
    const char *spec = memcache->memcache->values[BACKUP].text;
    struct slice name = slice_from(spec), type = slice_split(&name, ':');
    const struct table_driver *driver = table_driver_find(type);
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    if (!spec[0])
        return 0;
    if (!driver || !driver->writer)
        return error_set(error, ERROR_PERMANENT, "%s map requires O_RDONLY access mode", spec);
    buf_printf(&path, "%.*s%s", SLICE_ARG(name), driver->writer->suffix);
    memcache->backup = driver->writer->begin(path.data, start, mode, error);
    return memcache->backup ? 0 : -1;
}

static const struct table_writer memcache_writer;

static struct table_update *memcache_begin(const char *path, enum table_update_start start,
                                           mode_t mode, struct error *error)
{
    struct memcache *front = open_front(path, error);
    struct memcache_update *memcache;

    if (!front)
        return NULL;
    memcache = mem_new(struct memcache_update);
    memcache->update.writer = &memcache_writer;
    memcache->memcache = front;
    if (begin_backup(memcache, start, mode, error) == 0)
        return &memcache->update;
    memcache_abandon(&memcache->update);
    return NULL;
}

static int memcache_put(struct table_update *update, struct slice key, struct slice value,
                        enum table_put how, struct error *error)
{
    struct memcache_update *memcache = CONTAINER_OF(update, struct memcache_update, update);
    CLEANUP(buf_release) struct buf name = BUF_INIT;

    if (check_domain(memcache->memcache, key, error) != TABLE_FOUND ||
        !make_key(memcache->memcache, key, &name)) {
        log_warning("memcache:%s: skipping update of \"%.*s\"",
                    memcache->memcache->settings.name, SLICE_ARG(key));
        return 1;
    }
    if (memcache->backup) {
        /* The bytes behind both texts are NULs, as an index has them. */
        size_t nul = memcache->backup->writer->without_nul ? 0 : 1;
        int result =
            memcache->backup->writer->put(memcache->backup, slice_of(key.ptr, key.len + nul),
                                          slice_of(value.ptr, value.len + nul), how, error);

        if (result <= 0)
            return result;
    }
    put(memcache->memcache, buf_slice(&name), value);
    return 1;
}

static int memcache_remove(struct table_update *update, struct slice key, struct error *error)
{
    struct memcache_update *memcache = CONTAINER_OF(update, struct memcache_update, update);
    CLEANUP(buf_release) struct buf name = BUF_INIT;
    bool was_there = false;
    int result = 0;

    if (memcache->backup)
        result = memcache->backup->writer->remove(memcache->backup, key, error);
    if (result < 0 || !make_key(memcache->memcache, key, &name))
        return result; /* the key with a NUL behind is one of the backup alone */
    if (memcache_delete(&memcache->memcache->server, buf_slice(&name), &was_there, error) < 0)
        return -1;
    return result || was_there;
}

static int memcache_commit(struct table_update *update, struct error *error)
{
    struct memcache_update *memcache = CONTAINER_OF(update, struct memcache_update, update);
    struct table_update *backup = memcache->backup;
    int result = 0;

    memcache->backup = NULL;
    if (backup)
        result = backup->writer->commit(backup, error);
    memcache_abandon(update);
    return result;
}

static const struct table_writer memcache_writer = {
    .suffix = "",
    .key_max_bytes = KEY_MAX_BYTES + 1,
    .is_live = true,
    .without_nul = true,
    .begin = memcache_begin,
    .put = memcache_put,
    .remove = memcache_remove,
    .commit = memcache_commit,
    .abandon = memcache_abandon,
};

const struct table_driver table_memcache = {
    .type = "memcache",
    .is_open_network = true,
    .folds_case = true,
    .open = memcache_open,
    .lookup = memcache_lookup,
    .close = memcache_close,
    .walk = memcache_walk,
    .has_changed = memcache_has_changed,
    .writer = &memcache_writer,
};
