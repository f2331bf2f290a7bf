/*
 * proxymap: looks up in tables on behalf of workers that must not wait for an SQL server, or
 * that cannot see the file. As "proxywrite" it serves the tables of proxy_write_maps.
 */
#include "approved.h"
#include "base/log.h"
#include "conf/params.h"
#include "table/cache.h"
#include "table/proxy.h"
#include "table/table.h"
#include "worker/worker.h"

static bool is_proxywrite(void)
{
    return slice_equals(slice_from(worker_service()), params.proxywrite_service_name);
}

static void open_tables(void)
{
    table_allow_blocking();
    if (is_proxywrite())
        approved_open_for_change(params.proxy_write_maps);
    else
        approved_open(params.proxy_read_maps);
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

static enum table_result look_up(const struct table_request *request, struct buf *value,
                                 struct error *error)
{
    struct cache *cache = approved_find_for_change(request->spec);
    struct table *table = approved_find(request->spec);

    if (cache)
        return cache_find(cache, request->key, value, error);
    if (table)
        return table_lookup(table, request->key, value, error);
    refuse(request->spec, error);
    return TABLE_ERROR;
}

/* What the client will ask for next. Trouble with it is told when it does. */
static void look_up_next(const struct table_request *request, struct buf *value,
                         struct table_reply *reply)
{
    struct table_request next = {.spec = request->spec, .key = request->next_key};
    struct error error;

    if (reply->result != TABLE_NOT_FOUND || next.key.len == 0)
        return;
    reply->next_result = look_up(&next, value, &error);
    if (value->len > IPC_TEXT_MAX_BYTES)
        reply->next_result = TABLE_ERROR;
    else
        reply->next_value = buf_slice(value);
}

/* FOUND or NOT_FOUND: what was there before. */
static enum table_result change(const struct table_update_request *request, struct error *error)
{
    struct cache *cache = approved_find_for_change(request->spec);
    CLEANUP(buf_release) struct buf before = BUF_INIT;
    enum table_result result;

    if (!cache) {
        refuse(request->spec, error);
        return TABLE_ERROR;
    }
    result = cache_find(cache, request->key, &before, error);
    if (result == TABLE_ERROR)
        return TABLE_ERROR;
    if (request->action == PROXY_REMOVE)
        cache_remove(cache, request->key);
    else if (request->action == PROXY_REPLACE || result == TABLE_NOT_FOUND)
        cache_set(cache, request->key, request->value);
    return result;
}

union request {
    struct table_request lookup;
    struct table_update_request update;
};

static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    CLEANUP(buf_release) struct buf next_value = BUF_INIT;
    union request request;
    struct table_reply reply = {.result = TABLE_ERROR, .next_result = TABLE_ERROR};
    struct error error = ERROR_INIT;

    if (number != MESSAGE_table_request && number != MESSAGE_table_update_request) {
        log_warning("unexpected message %s", message_name(number));
        return -1;
    }
    if (message_decode(number, body, &request, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    if (number == MESSAGE_table_request)
        reply.result = look_up(&request.lookup, &value, &error);
    else
        reply.result = change(&request.update, &error);
    if (number == MESSAGE_table_request)
        look_up_next(&request.lookup, &next_value, &reply);
    if (value.len > IPC_TEXT_MAX_BYTES) {
        error_set(&error, ERROR_TEMPORARY, "the value of \"%.*s\" is too long (%zu bytes)",
                  SLICE_ARG(request.lookup.key), value.len);
        reply.result = TABLE_ERROR;
        buf_release(&value);
    }
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
        .requests_per_use = 100, /* what a client asks over one connection, say */
        .before_jail = open_tables,
        .request = answer,
    };

    return worker_main(&proxymap, argc, argv);
}
