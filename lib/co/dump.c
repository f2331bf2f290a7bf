/*
 * For people: what every coroutine of the process waits for.
 */
#include <stdio.h>

#include "base/bug.h"
#include "co/loop.h"

static void describe_wait(const struct co *co, char *text, size_t size)
{
    switch (co->wait) {
    case CO_WAIT_TIME:
        snprintf(text, size, "sleeping");
        break;
    case CO_WAIT_INPUT:
        snprintf(text, size, "waiting to read from fd %d", co->fd);
        break;
    case CO_WAIT_OUTPUT:
        snprintf(text, size, "waiting to write to fd %d", co->fd);
        break;
    case CO_WAIT_QUEUE:
        snprintf(text, size, "waiting to be woken");
        break;
    case CO_WAIT_OFFLOAD:
        snprintf(text, size, "waiting for the disk");
        break;
    default:
        bug_stop(__FILE__, __LINE__, "unknown kind of wait");
    }
}

static void describe(const struct co *co, int64_t now, char *text, size_t size)
{
    char wait[64] = "running";

    if (co->state == CO_READY)
        snprintf(wait, sizeof(wait), "ready to run");
    else if (co->state == CO_WAITING)
        describe_wait(co, wait, sizeof(wait));
    snprintf(text, size, "%s: %s since %lld s%s", co->name, wait,
             (long long)((now - co->since) / SECONDS(1)), co->cancelled ? ", cancelled" : "");
}

void co_dump(void (*line)(const char *text))
{
    int64_t now = time_now_ms();

    if (!co_loop.started)
        return;
    LIST_FOREACH(&co_loop.all, link)
    {
        char text[256];

        describe(CONTAINER_OF(link, struct co, all), now, text, sizeof(text));
        line(text);
    }
}
