/* Counters, and stress. */
#include "load.h"

#include "base/bug.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/params.h"

static int n_sessions, n_waiting;
static bool is_stressed;

/* Nine tenths of the limit begin it, seven end it. */
static void update_stress(void)
{
    int limit = params.postscreen_pre_queue_limit;

    if (limit <= 0)
        return;
    if (!is_stressed && n_sessions >= limit - limit / 10) {
        is_stressed = true;
        log_info("entering STRESS mode with %d connections", n_sessions);
    } else if (is_stressed && n_sessions <= limit - limit * 3 / 10) {
        is_stressed = false;
        log_info("leaving STRESS mode with %d connections", n_sessions);
    } else {
        return;
    }
    conf_set_stress(is_stressed);
}

void load_arrived(void)
{
    n_sessions++;
    update_stress();
}

void load_left(void)
{
    bug_if(n_sessions <= 0);
    n_sessions--;
    update_stress();
}

void load_waits_for_server(void)
{
    n_waiting++;
}

void load_has_server(void)
{
    bug_if(n_waiting <= 0);
    n_waiting--;
}

bool load_has_no_server(void)
{
    return params.postscreen_post_queue_limit > 0 &&
           n_waiting >= params.postscreen_post_queue_limit;
}

bool load_has_no_place(void)
{
    return params.postscreen_pre_queue_limit > 0 &&
           n_sessions - n_waiting >= params.postscreen_pre_queue_limit;
}
