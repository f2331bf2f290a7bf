/*
 * Coroutines themselves: birth, the switch into and out of them, cancellation, joining, death.
 */
#include "co/co.h"

#include <errno.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/loop.h"

/* Mapping a stack costs tens of microseconds, so this many are kept for the next sessions. */
#define SPARE_LIMIT 256

static void leave_for_loop(struct co *co, void **fake_stack)
{
    checker_leave(fake_stack, co_loop.stack_bottom, co_loop.stack_size);
    co_context_switch(&co->context, &co_loop.context);
}

/* The first frame of every coroutine. */
static void entry(void)
{
    struct co *co = co_loop.current;

    checker_arrive(NULL, &co_loop.stack_bottom, &co_loop.stack_size);
    co->run(co->arg);
    co->state = CO_ENDED;
    leave_for_loop(co, NULL); /* NULL: the checker may forget this stack */
    bug_stop(__FILE__, __LINE__, "an ended coroutine runs again");
}

static struct co *new_co(void)
{
    struct co *co = LIST_FIRST(&co_loop.spare, struct co, all);

    if (co) {
        list_remove(&co->all);
        co_loop.n_spare--;
        return co;
    }
    struct co_stack stack;
    if (co_stack_map(&stack) < 0)
        return NULL;
    co = mem_new(struct co);
    co->stack = stack;
    return co;
}

/* The loop calls this, never the coroutine itself: it still stands on that stack. */
static void recycle(struct co *co)
{
    heap_remove(&co_loop.timers, &co->timer);
    if (co_loop.n_spare >= SPARE_LIMIT) {
        co_stack_unmap(&co->stack);
        mem_free(co);
        return;
    }
    co_stack_rest(&co->stack);
    list_prepend(&co_loop.spare, &co->all);
    co_loop.n_spare++;
}

struct co *co_spawn(const char *name, co_fn *run, void *arg)
{
    if (co_loop_start() < 0)
        return NULL;
    struct co *co = new_co();
    if (!co)
        return NULL;
    struct co_stack stack = co->stack;

    *co = (struct co){.stack = stack,
                      .name = name,
                      .run = run,
                      .arg = arg,
                      .deadline = DEADLINE_NONE,
                      .log_verbosity = log_verbosity,
                      .fd = -1};
    co->since = co_loop.now;
    co_context_make(&co->context, stack.bottom + stack.size, stack.size, entry);
    list_append(&co_loop.all, &co->all);
    co_loop.n_all++;
    co_make_ready(co);
    return co;
}

struct co *co_self(void)
{
    return co_loop.current;
}

void co_make_ready(struct co *co)
{
    co->state = CO_READY;
    list_append(&co_loop.ready, &co->ready);
}

static void bury(struct co *co)
{
    list_remove(&co->all);
    co_loop.n_all--;
    co_wake_all(&co->joiners);
    if (!co->held)
        recycle(co);
}

void co_resume(struct co *co)
{
    int saved_errno = errno, saved_verbosity = log_verbosity;

    bug_if(co->state != CO_READY);
    list_remove(&co->ready);
    log_verbosity = co->log_verbosity;
    co->state = CO_RUNNING;
    co_loop.current = co;
    checker_leave(&co_loop.fake_stack, co->stack.bottom, co->stack.size);
    co_context_switch(&co_loop.context, &co->context);
    checker_arrive(co_loop.fake_stack, NULL, NULL);
    co_loop.current = NULL;
    co->log_verbosity = log_verbosity;
    log_verbosity = saved_verbosity;
    if (co->state == CO_ENDED)
        bury(co);
    else
        co_loop_may_trim(co);
    errno = saved_errno;
}

static void suspend(struct co *co)
{
    int saved_errno = errno;

    leave_for_loop(co, &co->fake_stack);
    checker_arrive(co->fake_stack, &co_loop.stack_bottom, &co_loop.stack_size);
    errno = saved_errno;
}

/*
 * Deadlines mostly move on, from one command to the next. So a timer stays in the heap when its
 * wait is over, and is only moved when it would ring too late; the loop puts it right.
 */
static void set_timer(struct co *co, deadline_t until)
{
    co->deadline = until;
    if (until == DEADLINE_NONE)
        return;
    if (!heap_has(&co->timer))
        heap_add(&co_loop.timers, &co->timer, until);
    else if (until < co->timer.key)
        heap_change(&co_loop.timers, &co->timer, until);
}

enum wake co_park(enum co_wait wait, deadline_t until)
{
    struct co *co = co_loop.current;

    bug_if(!co || co_loop.forbidden > 0);
    co->wait = wait;
    co->since = co_loop.now;
    co->state = CO_WAITING;
    set_timer(co, until);
    suspend(co);
    return co->wake;
}

void co_wake(struct co *co, enum wake wake)
{
    bug_if(co->state != CO_WAITING);
    if (co->wait == CO_WAIT_INPUT || co->wait == CO_WAIT_OUTPUT)
        co_fd_leave(co);
    else if (co->wait == CO_WAIT_QUEUE)
        co_queue_leave(co);
    co->wake = wake;
    co->deadline = DEADLINE_NONE;
    co_make_ready(co);
}

enum wake co_sleep_until(deadline_t until)
{
    if (co_is_cancelled())
        return WAKE_CANCELLED;
    if (!co_loop.current)
        return co_poll(-1, 0, until);
    return co_park(CO_WAIT_TIME, until);
}

void co_yield(void)
{
    struct co *co = co_loop.current;

    if (!co)
        return;
    bug_if(co_loop.forbidden > 0);
    co->state = CO_READY;
    list_append(&co_loop.yielded, &co->ready);
    suspend(co);
}

void co_cancel(struct co *co)
{
    co->cancelled = true;
    if (co->state == CO_WAITING && co->wait != CO_WAIT_OFFLOAD)
        co_wake(co, WAKE_CANCELLED);
}

bool co_is_cancelled(void)
{
    return co_loop.current && co_loop.current->cancelled;
}

void co_hold(struct co *co)
{
    co->held = true;
}

void co_detach(struct co *co)
{
    bug_if(!co->held);
    co->held = false;
    if (co->state == CO_ENDED)
        recycle(co);
}

enum wake co_join(struct co *co, deadline_t until)
{
    bug_if(!co->held || co == co_loop.current);
    if (co->state != CO_ENDED) {
        enum wake wake = co_wait(&co->joiners, until);

        if (wake != WAKE_READY)
            return wake;
    }
    co_detach(co);
    return WAKE_READY;
}

void co_forbid_wait(bool forbid)
{
    co_loop.forbidden += forbid ? 1 : -1;
    bug_if(co_loop.forbidden < 0);
}

size_t co_deepest_stack(void)
{
    return co_stack_deepest();
}
