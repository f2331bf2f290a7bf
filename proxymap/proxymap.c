/*
 * proxymap: looks up in tables on behalf of workers that must not wait for an SQL server, or
 * that cannot see the file. As "proxywrite" it serves the tables of proxy_write_maps.
 */
#include "approved.h"
#include "base/log.h"
#include "conf/params.h"
#include "table/table.h"
#include "worker/worker.h"

static bool is_proxywrite(void)
{
    return slice_equals(slice_from(worker_service()), params.proxywrite_service_name);
}

static void open_tables(void)
{
    table_allow_blocking();
    approved_open(is_proxywrite() ? params.proxy_write_maps : params.proxy_read_maps);
}

static void refuse(struct slice spec, struct error *error)
{
    log_warning("request for unapproved table: \"%.*s\"", SLICE_ARG(spec));
    log_warning("to approve this table for %s access, list %s:%.*s in %s:%s",
                is_proxywrite() ? "read-write" : "read-only", "proxy", SLICE_ARG(spec),
                "main.cf", is_proxywrite() ? "proxy_write_maps" : "proxy_read_maps");
    error_set(error, ERROR_TEMPORARY, "%s service is not configured for table \"%.*s\"",
              worker_service(), SLICE_ARG(spec));
}

static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct table_request request;
    struct table_reply reply = {.result = TABLE_ERROR};
    struct error error = ERROR_INIT;
    struct table *table;

    if (number != MESSAGE_table_request) {
        log_warning("unexpected message %s", message_name(number));
        return -1;
    }
    if (message_decode(number, body, &request, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    table = approved_find(request.spec);
    if (table)
        reply.result = table_lookup(table, request.key, &value, &error);
    else
        refuse(request.spec, &error);
    reply.value = buf_slice(&value);
    reply.reason = slice_from(error.text);
    return channel_send(channel, MESSAGE_table_reply, &reply, &error);
}

int main(int argc, char **argv)
{
    static const struct worker proxymap = {
        .name = "proxymap",
        .sessions_per_process = 1, /* a look-up may block */
        .opens_files = true,
        .before_jail = open_tables,
        .request = answer,
    };

    return worker_main(&proxymap, argc, argv);
}
