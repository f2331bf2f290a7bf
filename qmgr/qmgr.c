/*
 * qmgr: the queue manager. It takes queued messages into the active queue (feeder, intake),
 * finds the destination of each recipient (recipients, place), chooses what is delivered next
 * (job, destination, transport), has agents deliver it (deliver), and sees that each message
 * ends: removed, returned, or deferred for another attempt (finish).
 *
 * Nothing but the queue files holds a message's state, so this process may die at any instant.
 */
#include <sysexits.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "deliver.h"
#include "feeder.h"
#include "intake.h"
#include "place.h"
#include "removal.h"
#include "timer.h"
#include "transport.h"
#include "worker/worker.h"

/*
 * Reload: how long deliveries in progress may hold up the successor. What goes on after that is
 * finished by the agents and found in the queue files.
 */
#define DRAIN_MS SECONDS(5)

static struct co *timers;

/* Limits that make no sense together. */
static void adjust_limits(void)
{
    if (params.qmgr_message_recipient_limit < params.qmgr_message_active_limit) {
        log_warning("qmgr_message_recipient_limit is smaller than qmgr_message_active_limit - "
                    "adjusting qmgr_message_recipient_limit");
        params.qmgr_message_recipient_limit = params.qmgr_message_active_limit;
    }
    if (params.bounce_queue_lifetime > params.maximal_queue_lifetime) {
        log_warning("bounce_queue_lifetime is larger than maximal_queue_lifetime - "
                    "adjusting bounce_queue_lifetime");
        params.bounce_queue_lifetime = params.maximal_queue_lifetime;
    }
}

static void open_tables(void)
{
    adjust_limits();
    place_open();
    transport_read_process_limits();
}

static void start(void)
{
    intake_recover();
    deliver_start();
    feeder_start();
    timers = co_spawn("timers", timer_run, NULL);
    if (!timers || !co_spawn("feeder", feeder_run, NULL))
        fatal(EX_OSERR, "no memory for the stacks of the queue manager");
}

static void end_after_deliveries(void *unused)
{
    deadline_t until = deadline_in(DRAIN_MS);

    (void)unused;
    while ((deliver_count() > 0 || removal_is_under_way()) && time_now_ms() < until &&
           co_sleep_until(deadline_in(50)) == WAKE_TIMEOUT)
        ;
    co_stop();
}

static void drain(void)
{
    feeder_stop();
    deliver_stop();
    if (timers)
        co_cancel(timers);
    timers = NULL;
    if (!co_spawn("drain", end_after_deliveries, NULL))
        co_stop();
}

static const struct worker qmgr = {
    .name = "qmgr",
    .sessions_per_process = 1000,
    .limits_processes = true,
    .stays = true,
    .watchdog_ms = &params.qmgr_daemon_timeout,
    .before_jail = open_tables,
    .started = start,
    .trigger = feeder_take_requests,
    .draining = drain,
};

int main(int argc, char **argv)
{
    return worker_main(&qmgr, argc, argv);
}
