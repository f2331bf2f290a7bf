/* The end of the system, in an order in which everybody finds those whom he still needs. */
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "co/co.h"
#include "master.h"

/* How long processes may take to end before they are killed. */
#define STOP_MS         SECONDS(5)
#define STOP_POSTLOG_MS SECONDS(1)

static bool is_postlog(const struct service *service)
{
    return service->conf->type == MASTER_TYPE_UNIX_DGRAM && service->path &&
           strcmp(service->conf->program, "postlogd") == 0;
}

/* These begin jobs; the others do what they are asked by these. */
static bool begins_jobs(const struct service *service)
{
    const char *program = service->conf->program;

    return service->conf->type == MASTER_TYPE_INET || service->conf->type == MASTER_TYPE_PASS ||
           slice_ends_with(slice_from(program), "qmgr") || strcmp(program, "pickup") == 0;
}

/* In this order they go, since those in front need those behind. */
enum which { BEGINNERS, ALL_BUT_POSTLOG, EVERYTHING };

static bool is_among(const struct service *service, enum which which)
{
    switch (which) {
    case BEGINNERS:
        return begins_jobs(service);
    case ALL_BUT_POSTLOG:
        return service->is_removed || !is_postlog(service);
    case EVERYTHING:
    default:
        return true;
    }
}

static void signal_all(int number, enum which which)
{
    LIST_FOREACH(&services, link)
    {
        struct service *service = CONTAINER_OF(link, struct service, link);

        if (!is_among(service, which))
            continue;
        LIST_FOREACH(&service->processes, process)
        process_signal(CONTAINER_OF(process, struct process, link), number);
    }
}

static bool is_anybody_left(enum which which)
{
    LIST_FOREACH(&services, link)
    {
        const struct service *service = CONTAINER_OF(link, struct service, link);

        if (is_among(service, which) && !list_is_empty(&service->processes))
            return true;
    }
    return false;
}

static void wait_for_the_end(enum which which, deadline_t until)
{
    while (is_anybody_left(which) && time_now_ms() < until)
        co_sleep_until(deadline_in(10));
}

static void close_services(enum which which)
{
    LIST_FOREACH(&services, link)
    {
        struct service *service = CONTAINER_OF(link, struct service, link);

        if (is_among(service, which) && !is_postlog(service))
            service_close(service);
    }
}

/* The log goes last: the others may have had something to say. */
static void stop_the_log(void)
{
    wait_for_the_end(ALL_BUT_POSTLOG, deadline_in(STOP_POSTLOG_MS));
    signal_all(SIGTERM, EVERYTHING);
    wait_for_the_end(EVERYTHING, deadline_in(STOP_POSTLOG_MS));
    signal_all(SIGKILL, EVERYTHING);
    co_stop();
}

void terminate_now(void)
{
    deadline_t until = deadline_in(STOP_MS);

    notify("STOPPING=1");
    close_services(BEGINNERS);
    signal_all(SIGTERM, BEGINNERS);
    wait_for_the_end(BEGINNERS, until);
    close_services(ALL_BUT_POSTLOG);
    signal_all(SIGTERM, ALL_BUT_POSTLOG);
    wait_for_the_end(ALL_BUT_POSTLOG, until);
    signal_all(SIGKILL, ALL_BUT_POSTLOG);
    stop_the_log();
}

static void drain_all(enum which which)
{
    close_services(which);
    LIST_FOREACH(&services, link)
    {
        struct service *service = CONTAINER_OF(link, struct service, link);

        if (!is_among(service, which))
            continue;
        LIST_FOREACH(&service->processes, process)
        process_drain(CONTAINER_OF(process, struct process, link));
    }
    wait_for_the_end(which, DEADLINE_NONE);
}

/* No new work; every process ends with its last job, however long that takes. */
static void drain(void)
{
    drain_all(BEGINNERS);
    drain_all(ALL_BUT_POSTLOG);
    terminate_now();
}

/* At once, with whatever is in progress: that is repeated after the next start. */
static void abort_all(void)
{
    close_services(ALL_BUT_POSTLOG);
    signal_all(SIGKILL, ALL_BUT_POSTLOG);
    stop_the_log();
}

static void run_stop(void *arg)
{
    (void)arg;
    terminate_now();
}

static void run_drain(void *arg)
{
    (void)arg;
    drain();
}

/* Who asks again, or with SIGQUIT, does not want to wait. */
void terminate(int number)
{
    static bool is_stopping;
    bool again = is_stopping;

    log_info("terminating on signal %d", number);
    is_stopping = number != SIGUSR1;
    if (number == SIGQUIT || again ||
        !co_spawn("end", number == SIGUSR1 ? run_drain : run_stop, NULL))
        abort_all();
}
