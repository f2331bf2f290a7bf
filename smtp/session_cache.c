#include "session_cache.h"

#include "base/list.h"
#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "options.h"

static struct list kept;
static bool janitor_runs;

static void list_prepare(void)
{
    if (!kept.head.next)
        list_init(&kept);
}

/* Too old or too often used to be used again. */
static bool is_spent(const struct session *session)
{
    return (options.reuse_time_limit > 0 &&
            time_now_ms() - session->opened_ms >= options.reuse_time_limit) ||
           (options.reuse_count_limit > 0 &&
            session->n_transactions > options.reuse_count_limit);
}

struct session *session_cache_take(struct slice key)
{
    list_prepare();
    LIST_FOREACH(&kept, link)
    {
        struct session *session = CONTAINER_OF(link, struct session, kept);
        if (!slice_same(buf_slice(&session->nexthop), key) &&
            !slice_same(buf_slice(&session->shared_key), key))
            continue;
        list_remove(&session->kept);
        /* Words of an idle server are a 421 or its end. */
        if (!stream_has_input(&session->stream))
            return session;
        session_free(session);
    }
    return NULL;
}

/* Sleeps until the oldest kept connection is due; ends when there are none. */
static void close_overdue(void *arg)
{
    (void)arg;
    while (!list_is_empty(&kept)) {
        struct session *oldest = LIST_FIRST(&kept, struct session, kept);
        if (!oldest)
            break;
        deadline_t due = oldest->idle_since_ms + options.cache_time_limit;
        if (due > time_now_ms()) {
            if (co_sleep_until(due) == WAKE_CANCELLED)
                break;
            continue;
        }
        list_remove(&oldest->kept);
        session_quit(oldest);
    }
    janitor_runs = false;
}

void session_cache_keep(struct session *session, struct slice nexthop)
{
    list_prepare();
    if (options.cache_time_limit <= 0 || is_spent(session)) {
        session_quit(session);
        return;
    }
    buf_set(&session->nexthop, nexthop);
    session->idle_since_ms = time_now_ms();
    stream_shrink(&session->stream);
    list_append(&kept, &session->kept);
    if (!janitor_runs)
        janitor_runs = co_spawn("smtp idle connections", close_overdue, NULL) != NULL;
    if (!janitor_runs) { /* no memory for a stack: then none is kept */
        list_remove(&session->kept);
        session_quit(session);
    }
}

void session_cache_close(void)
{
    list_prepare();
    while (!list_is_empty(&kept)) {
        struct session *session = LIST_FIRST(&kept, struct session, kept);
        if (!session)
            break;
        list_remove(&session->kept);
        session_quit(session);
    }
}
