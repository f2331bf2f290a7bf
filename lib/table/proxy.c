/*
 * proxy:type:name: the proxymap service asks the table on our behalf.
 */
#include <sys/stat.h>

#include "base/mem.h"
#include "conf/params.h"
#include "ipc/client.h"
#include "table/drivers.h"

struct proxy_table {
    struct table table;
    const char *service; /* "private/proxymap" */
    char *name;          /* "type:name" behind the proxy */
};

/* Daemons run in the queue directory, which may be their root; commands run anywhere. */
static bool is_in_queue_directory(void)
{
    struct stat here, queue;

    return stat(".", &here) == 0 && stat(params.queue_directory, &queue) == 0 &&
           here.st_dev == queue.st_dev && here.st_ino == queue.st_ino;
}

static const char *service_path(void)
{
    static char *path;

    if (!path) {
        struct buf text = BUF_INIT;

        if (!is_in_queue_directory())
            buf_printf(&text, "%s/", params.queue_directory);
        buf_printf(&text, "private/%s", params.proxymap_service_name);
        path = buf_take(&text);
    }
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
    proxy->service = service_path();
    proxy->name = mem_dup_text(name);
    proxy->table.is_pattern = is_pattern(slice_from(name));
    return &proxy->table;
}

static void proxy_close(struct table *table)
{
    struct proxy_table *proxy = CONTAINER_OF(table, struct proxy_table, table);

    mem_free(proxy->name);
    mem_free(proxy);
}

static enum table_result proxy_lookup(struct table *table, struct slice key, struct buf *value,
                                      struct error *error)
{
    struct proxy_table *proxy = CONTAINER_OF(table, struct proxy_table, table);
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    struct table_request request = {slice_from(proxy->name), key};
    struct table_reply reply;

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
        return TABLE_NOT_FOUND;
    default:
        error_set(error, ERROR_TEMPORARY, "%.*s", SLICE_ARG(reply.reason));
        return TABLE_ERROR;
    }
}

const struct table_driver table_proxy = {
    .type = "proxy",
    .open = proxy_open,
    .lookup = proxy_lookup,
    .close = proxy_close,
};
