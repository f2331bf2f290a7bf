/*
 * proxy:type:name: the proxymap service asks the table on our behalf, and proxywrite changes
 * it.
 */
#include "table/proxy.h"

#include <sys/stat.h>

#include "base/mem.h"
#include "conf/params.h"
#include "ipc/client.h"
#include "table/drivers.h"
#include "table/writer.h"

/* For how long the answer to the next question counts: that comes at once or not at all. */
#define FORESEEN_MS SECONDS(1)

struct proxy_table {
    struct table table;
    const char *service; /* "private/proxymap" */
    char *name;          /* "type:name" behind the proxy */

    /* The answer that came with that to the question before. */
    struct {
        struct buf key, value;
        bool is_found;
        deadline_t until;
    } foreseen;
};

/* Daemons run in the queue directory, which may be their root; commands run anywhere. */
static bool is_in_queue_directory(void)
{
    struct stat here, queue;

    return stat(".", &here) == 0 && stat(params.queue_directory, &queue) == 0 &&
           here.st_dev == queue.st_dev && here.st_ino == queue.st_ino;
}

static char *service_path(const char *name)
{
    struct buf text = BUF_INIT;

    if (!is_in_queue_directory())
        buf_printf(&text, "%s/", params.queue_directory);
    buf_printf(&text, "private/%s", name);
    return buf_take(&text);
}

static const char *read_service(void)
{
    static char *path;

    if (!path)
        path = service_path(params.proxymap_service_name);
    return path;
}

static const char *write_service(void)
{
    static char *path;

    if (!path)
        path = service_path(params.proxywrite_service_name);
    return path;
}

/* The innermost table decides how it may be asked. */
static bool is_pattern(struct slice spec)
{
    const struct table_driver *driver;

    while (slice_starts_with(spec, "proxy:"))
        spec = slice_from_offset(spec, sizeof("proxy:") - 1);
    driver = table_driver_find(spec);
    return driver && driver->is_pattern;
}

static struct table *proxy_open(const char *name, const struct table_options *options,
                                struct error *error)
{
    struct proxy_table *proxy = mem_new(struct proxy_table);

    (void)options, (void)error;
    proxy->service = read_service();
    proxy->name = mem_dup_text(name);
    proxy->table.is_pattern = is_pattern(slice_from(name));
    proxy->foreseen.key = proxy->foreseen.value = BUF_INIT;
    return &proxy->table;
}

static void proxy_close(struct table *table)
{
    struct proxy_table *proxy = CONTAINER_OF(table, struct proxy_table, table);

    buf_release(&proxy->foreseen.key);
    buf_release(&proxy->foreseen.value);
    mem_free(proxy->name);
    mem_free(proxy);
}

static void keep_foreseen(struct proxy_table *proxy, struct slice key,
                          const struct table_reply *reply)
{
    buf_set(&proxy->foreseen.key, key);
    buf_set(&proxy->foreseen.value, reply->next_value);
    proxy->foreseen.is_found = reply->next_result == TABLE_FOUND;
    proxy->foreseen.until = deadline_in(reply->next_result == TABLE_ERROR ? 0 : FORESEEN_MS);
}

/* It answers one question. */
static bool was_foreseen(struct proxy_table *proxy, struct slice key)
{
    if (proxy->foreseen.key.len == 0 || !slice_same(buf_slice(&proxy->foreseen.key), key))
        return false;
    buf_reset(&proxy->foreseen.key);
    return time_now_ms() < proxy->foreseen.until;
}

static enum table_result proxy_lookup(struct table *table, struct slice key, struct buf *value,
                                      struct error *error)
{
    struct proxy_table *proxy = CONTAINER_OF(table, struct proxy_table, table);
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    CLEANUP(buf_release) struct buf next_key = BUF_INIT;
    struct table_request request = {slice_from(proxy->name), key, SLICE_EMPTY};
    struct table_reply reply;

    if (key.len > IPC_TEXT_MAX_BYTES)
        return TABLE_NOT_FOUND; /* no table can hold it */
    if (was_foreseen(proxy, key)) {
        if (proxy->foreseen.is_found)
            buf_set(value, buf_slice(&proxy->foreseen.value));
        return proxy->foreseen.is_found ? TABLE_FOUND : TABLE_NOT_FOUND;
    }
    buf_set(&next_key, table->next_key); /* the table's does not outlive the wait */
    request.next_key = buf_slice(&next_key);
    if (client_request(proxy->service,
                       &(struct client_exchange){MESSAGE_table_request, &request,
                                                 MESSAGE_table_reply, &reply, &storage},
                       deadline_in(params.ipc_timeout), error) < 0) {
        error_context(error, "%s", table->spec);
        return TABLE_ERROR;
    }
    switch (reply.result) {
    case TABLE_FOUND:
        buf_set(value, reply.value);
        return TABLE_FOUND;
    case TABLE_NOT_FOUND:
        keep_foreseen(proxy, buf_slice(&next_key), &reply);
        return TABLE_NOT_FOUND;
    default:
        error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(reply.reason));
        return TABLE_ERROR;
    }
}

/* -- changing --------------------------------------------------------------------------------
 */

struct proxy_update {
    struct table_update update;
    char *name; /* "type:name" behind the proxy */
};

static void proxy_abandon(struct table_update *update)
{
    struct proxy_update *proxy = CONTAINER_OF(update, struct proxy_update, update);

    mem_free(proxy->name);
    mem_free(proxy);
}

/* What is changed is there at once, as it is with Postfix. */
static int proxy_commit(struct table_update *update, struct error *error)
{
    (void)error;
    proxy_abandon(update);
    return 0;
}

static const struct table_writer proxy_writer;

static struct table_update *proxy_begin(const char *path, enum table_update_start start,
                                        mode_t mode, struct error *error)
{
    struct proxy_update *proxy = mem_new(struct proxy_update);

    (void)start, (void)mode, (void)error;
    proxy->update.writer = &proxy_writer;
    proxy->name = mem_dup_text(path);
    return &proxy->update;
}

/* The service's answer; TABLE_ERROR with the reason. */
static enum table_result change(struct table_update *update,
                                struct table_update_request *request, struct error *error)
{
    const struct proxy_update *proxy = CONTAINER_OF(update, struct proxy_update, update);
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct table_reply reply;

    request->spec = slice_from(proxy->name);
    if (client_request(write_service(),
                       &(struct client_exchange){MESSAGE_table_update_request, request,
                                                 MESSAGE_table_reply, &reply, &storage},
                       deadline_in(params.ipc_timeout), error) < 0) {
        error_context(error, "proxy:%s", proxy->name);
        return TABLE_ERROR;
    }
    if (reply.result == TABLE_FOUND || reply.result == TABLE_NOT_FOUND)
        return (enum table_result)reply.result;
    error_set(error, ERROR_TEMPORARY, "proxy:%s: %.*s", proxy->name, SLICE_ARG(reply.reason));
    return TABLE_ERROR;
}

static int proxy_put(struct table_update *update, struct slice key, struct slice value,
                     enum table_put put, struct error *error)
{
    struct table_update_request request = {
        .key = key,
        .value = value,
        .action = put == TABLE_PUT_NEW ? PROXY_ADD : PROXY_REPLACE,
    };

    switch (change(update, &request, error)) {
    case TABLE_FOUND:
        return put == TABLE_PUT_REPLACE;
    case TABLE_NOT_FOUND:
        return 1;
    case TABLE_ERROR:
        break;
    }
    return -1;
}

static int proxy_remove(struct table_update *update, struct slice key, struct error *error)
{
    struct table_update_request request = {.key = key, .action = PROXY_REMOVE};

    if (key.len && key.ptr[key.len - 1] == '\0')
        return 0; /* the service looks for both forms by itself */
    switch (change(update, &request, error)) {
    case TABLE_FOUND:
        return 1;
    case TABLE_NOT_FOUND:
        return 0;
    case TABLE_ERROR:
        break;
    }
    return -1;
}

static const struct table_writer proxy_writer = {
    .suffix = "",
    .key_max_bytes = 511,
    .is_live = true,
    .without_nul = true,
    .begin = proxy_begin,
    .put = proxy_put,
    .remove = proxy_remove,
    .commit = proxy_commit,
    .abandon = proxy_abandon,
};

const struct table_driver table_proxy = {
    .type = "proxy",
    .open = proxy_open,
    .lookup = proxy_lookup,
    .close = proxy_close,
    .writer = &proxy_writer,
};
