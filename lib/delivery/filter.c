/*
 * The delivery status filter.
 */
#include "delivery/filter.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "delivery/delivery.h"
#include "route/open_maps.h"
#include "table/maps.h"

static struct maps *filter;
static const char *filter_title;

void delivery_open_filter(const char *title, const char *list)
{
    if (!*list)
        return;
    filter_title = title;
    filter = open_maps(maps_open, title, list);
}

/* May that outcome replace this one? Only failures may become other failures. */
static bool is_exchangeable(char from, char to)
{
    return from == '2' ? to == '2' : to == '4' || to == '5';
}

void delivery_filter(struct arena *arena, struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf key = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    char status[DSN_STATUS_BYTES];
    struct slice reason;
    struct error error = ERROR_INIT;

    if (!filter)
        return;
    buf_printf(&key, "%s %.*s", dsn->status, SLICE_ARG(dsn->reason));
    switch (maps_find(filter, buf_slice(&key), &value, &error)) {
    case TABLE_NOT_FOUND:
        return;
    case TABLE_ERROR: /* the outcome itself is known; not filtering loses nothing */
        log_warning("%s", error.text);
        return;
    case TABLE_FOUND:
        break;
    }
    if (!dsn_status_parse(buf_slice(&value), status, &reason) ||
        !is_exchangeable(dsn->status[0], status[0])) {
        log_warning("%s: bad status code: %s", filter_title, value.data);
        return;
    }
    memcpy(dsn->status, status, sizeof(status));
    reason = slice_trim(reason);
    if (reason.len > 0)
        dsn->reason = arena_slice(arena, reason);
}
