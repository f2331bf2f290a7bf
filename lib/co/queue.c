/*
 * Waiting to be woken by another coroutine.
 */
#include "base/bug.h"
#include "co/loop.h"

void co_queue_leave(struct co *co)
{
    struct co_queue *queue = co->queue;
    struct co_waiter *waiter = &co->waiter;

    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        queue->head = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        queue->tail = waiter->previous;
    co->queue = NULL;
}

enum wake co_wait(struct co_queue *queue, deadline_t until)
{
    struct co *co = co_loop.current;

    bug_if(!co);
    if (co->cancelled)
        return WAKE_CANCELLED;
    co->queue = queue;
    co->waiter = (struct co_waiter){.previous = queue->tail, .co = co};
    if (queue->tail)
        queue->tail->next = &co->waiter;
    else
        queue->head = &co->waiter;
    queue->tail = &co->waiter;
    return co_park(CO_WAIT_QUEUE, until);
}

void co_wake_one(struct co_queue *queue)
{
    if (queue->head)
        co_wake(queue->head->co, WAKE_READY);
}

void co_wake_all(struct co_queue *queue)
{
    while (queue->head)
        co_wake_one(queue);
}

bool co_queue_is_empty(const struct co_queue *queue)
{
    return !queue->head;
}
