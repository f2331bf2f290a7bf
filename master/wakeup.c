/*
 * The wakeup column of master.cf: a "W" now and then on the service's own socket.
 */
#include "base/log.h"
#include "ipc/client.h"
#include "master.h"

#define TRIGGER_TIMEOUT_MS SECONDS(1)

static bool wait_until_used(struct service *service)
{
    while (service->n_started == 0) {
        if (co_wait(&service->changed, DEADLINE_NONE) == WAKE_CANCELLED)
            return false;
    }
    return co_sleep_until(deadline_in(SECONDS(service->conf->wakeup_seconds))) == WAKE_TIMEOUT;
}

static void wake_up(void *arg)
{
    struct service *service = arg;
    struct error error = ERROR_INIT;

    if (service->conf->wakeup_if_used && !wait_until_used(service))
        return;
    do {
        if (client_trigger(service->path, SLICE("W"), deadline_in(TRIGGER_TIMEOUT_MS), &error) <
                0 &&
            !co_is_cancelled())
            log_warning("wakeup: %s", error.text);
        /* The service may be gone after a cancelled wait. */
    } while (!co_is_cancelled() &&
             co_sleep_until(deadline_in(SECONDS(service->conf->wakeup_seconds))) ==
                 WAKE_TIMEOUT);
}

void wakeup_start(struct service *service)
{
    if (service->conf->wakeup_seconds <= 0 || !service->path)
        return;
    service->waker = co_spawn("wakeup", wake_up, service);
    if (!service->waker)
        log_error("no memory for a stack: %s gets no wakeup", service->title);
    else
        co_hold(service->waker);
}

void wakeup_now(struct service *service)
{
    if (!service->waker)
        return;
    wakeup_stop(service);
    wakeup_start(service);
}

void wakeup_stop(struct service *service)
{
    if (!service->waker)
        return;
    co_cancel(service->waker);
    co_detach(service->waker);
    service->waker = NULL;
}
