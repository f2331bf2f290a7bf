/*
 * The event loop: run what is ready, look for events, ring timers, sleep.
 */
#include "co/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"

#define EVENTS_AT_ONCE  256
#define RUNS_AT_ONCE    128 /* between two looks at the descriptors */
#define LONG_RUN_MS     100
#define IDLE_RETRY_MS   50
#define IDLE_CALLS_MOST 4
#define TRIM_AFTER      SECONDS(5) /* a stack grows again with a fault for each page */

struct co_loop co_loop = {.epoll_fd = -1};

static bool (*idle_calls[IDLE_CALLS_MOST])(void);
static size_t n_idle_calls;

int co_loop_start(void)
{
    if (co_loop.started)
        return 0;
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0)
        return -1;
    co_loop.epoll_fd = fd;
    co_loop.now = time_now_ms();
    list_init(&co_loop.all);
    list_init(&co_loop.ready);
    list_init(&co_loop.yielded);
    list_init(&co_loop.spare);
    co_stack_watch();
    co_loop.started = true;
    return 0;
}

static void resume_and_watch(struct co *co)
{
    const char *name = co->name;
    int64_t start = time_now_ms();

    co_resume(co); /* co may be gone afterwards */
    int64_t took = time_now_ms() - start;
    if (took > LONG_RUN_MS)
        log_debug(1, "coroutine %s ran for %lld ms without waiting", name, (long long)took);
}

static void run_ready(void)
{
    for (int i = 0; i < RUNS_AT_ONCE && !co_loop.stopped; i++) {
        struct co *co = LIST_FIRST(&co_loop.ready, struct co, ready);

        if (!co)
            return;
        if (log_verbosity > 0)
            resume_and_watch(co);
        else
            co_resume(co);
    }
}

/* Those who yielded take their turn behind whoever the events have woken. */
static void ready_the_yielded(void)
{
    LIST_FOREACH(&co_loop.yielded, link)
    {
        list_remove(link);
        list_append(&co_loop.ready, link);
    }
}

static void ring_timers(void)
{
    struct heap_node *node;

    while ((node = heap_top(&co_loop.timers)) && node->key <= co_loop.now) {
        struct co *co = CONTAINER_OF(node, struct co, timer);

        if (co->deadline > co_loop.now && co->deadline != DEADLINE_NONE) {
            heap_change(&co_loop.timers, node, co->deadline);
            continue;
        }
        heap_remove(&co_loop.timers, node);
        if (co->deadline != DEADLINE_NONE)
            co_wake(co, WAKE_TIMEOUT);
    }
}

/* -- memory of those who wait long ------------------------------------------------------- */

void co_loop_may_trim(struct co *co)
{
    co->is_trimmed = false;
    if (co_loop.trim_at == 0)
        co_loop.trim_at = co_loop.now + TRIM_AFTER;
}

/* A stack is as deep as the deepest call, a handshake say, until it is trimmed. */
static void trim_stacks(void)
{
    bool is_one_left = false;

    if (co_loop.trim_at == 0 || co_loop.now < co_loop.trim_at)
        return;
    LIST_FOREACH(&co_loop.all, link)
    {
        struct co *co = CONTAINER_OF(link, struct co, all);

        if (co->is_trimmed)
            continue;
        if (co->state != CO_WAITING || co_loop.now - co->since < TRIM_AFTER) {
            is_one_left = true;
            continue;
        }
        co_stack_trim(&co->stack, co_context_floor(&co->context));
        co->is_trimmed = true;
    }
    co_loop.trim_at = is_one_left ? co_loop.now + TRIM_AFTER : 0;
}

static bool call_idle(void)
{
    bool again = co_offload_idle();

    for (size_t i = 0; i < n_idle_calls; i++)
        again |= idle_calls[i]();
    return again;
}

/* How long epoll_wait may sleep. */
static int sleep_ms(void)
{
    if (!list_is_empty(&co_loop.ready) || !list_is_empty(&co_loop.yielded))
        return 0;
    int most = call_idle() ? IDLE_RETRY_MS : INT_MAX;
    struct heap_node *first = heap_top(&co_loop.timers);
    if (co_loop.trim_at && deadline_poll_ms(co_loop.trim_at) < most)
        most = deadline_poll_ms(co_loop.trim_at);
    if (!first)
        return most == INT_MAX ? -1 : most;
    int until_timer = deadline_poll_ms(first->key);
    return until_timer < most ? until_timer : most;
}

static volatile unsigned n_turns;

unsigned co_turns(void)
{
    return n_turns;
}

static void look_for_events(void)
{
    static struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(co_loop.epoll_fd, events, EVENTS_AT_ONCE, sleep_ms());

    bug_if(n < 0 && errno != EINTR);
    n_turns++;
    co_loop.now = time_now_ms();
    for (int i = 0; i < n; i++)
        if (!co_offload_event(events[i].data.fd))
            co_fd_event(events[i].data.fd, events[i].events);
}

void co_run(void)
{
    bug_if(co_loop.current);
    co_loop.stopped = false;
    while (co_loop.n_all > 0) {
        run_ready();
        if (co_loop.stopped || co_loop.n_all == 0)
            break;
        look_for_events();
        ring_timers();
        trim_stacks();
        ready_the_yielded();
    }
}

void co_stop(void)
{
    co_loop.stopped = true;
}

size_t co_count(void)
{
    return co_loop.n_all;
}

void co_on_idle(bool (*call)(void))
{
    bug_if(n_idle_calls == IDLE_CALLS_MOST);
    idle_calls[n_idle_calls++] = call;
}

void co_after_fork(void)
{
    if (!co_loop.started)
        return;
    fd_close(&co_loop.epoll_fd);
    co_fd_forget_all();
    co_offload_after_fork();
    /* The stacks stay mapped: the caller may stand on one of them. */
    heap_release(&co_loop.timers);
    co_loop = (struct co_loop){.epoll_fd = -1};
}
