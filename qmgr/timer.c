/*
 * Timers.
 */
#include "timer.h"

#include "base/time.h"
#include "co/co.h"

static struct heap timers;
static struct co_queue earlier; /* woken when the first timer has changed */

void timer_set(struct timer *timer, int64_t delay_ms)
{
    int64_t when = time_now_ms() + delay_ms;
    const struct heap_node *first = heap_top(&timers);

    if (!first || when < first->key)
        co_wake_one(&earlier);
    if (heap_has(&timer->node))
        heap_change(&timers, &timer->node, when);
    else
        heap_add(&timers, &timer->node, when);
}

void timer_cancel(struct timer *timer)
{
    heap_remove(&timers, &timer->node);
}

bool timer_is_set(const struct timer *timer)
{
    return heap_has(&timer->node);
}

void timer_fire_due(void)
{
    int64_t now = time_now_ms();
    struct heap_node *first;

    while ((first = heap_top(&timers)) && first->key <= now) {
        struct timer *timer = CONTAINER_OF(first, struct timer, node);

        heap_remove(&timers, first);
        timer->fire(timer);
    }
}

void timer_run(void *unused)
{
    (void)unused;
    for (;;) {
        const struct heap_node *first = heap_top(&timers);

        if (co_wait(&earlier, first ? first->key : DEADLINE_NONE) == WAKE_CANCELLED)
            return;
        timer_fire_due();
    }
}
