/*
 * What the files of lib/co share: a coroutine, the loop, and the ways to park and wake.
 * Private to lib/co.
 */
#pragma once

#include "base/heap.h"
#include "base/list.h"
#include "co/co.h"
#include "co/context.h"
#include "co/stack.h"

struct co_waiter {
    struct co_waiter *next, *previous;
    struct co *co;
};

enum co_state { CO_READY, CO_RUNNING, CO_WAITING, CO_ENDED };

/* What a parked coroutine waits for, and so what wake must take it out of. */
enum co_wait { CO_WAIT_TIME, CO_WAIT_INPUT, CO_WAIT_OUTPUT, CO_WAIT_QUEUE, CO_WAIT_OFFLOAD };

struct co {
    struct co_context context;
    struct co_stack stack;
    void *fake_stack; /* AddressSanitizer's */
    const char *name;
    co_fn *run;
    void *arg;
    enum co_state state;
    bool cancelled, held;
    bool is_trimmed;   /* since it waits */
    int log_verbosity; /* while it does not run */
    struct list_link all, ready;
    /* The wait in progress. */
    enum co_wait wait;
    enum wake wake; /* how it ended */
    int fd;
    struct co_queue *queue;
    struct co_waiter waiter;
    deadline_t deadline;
    int64_t since;
    struct heap_node timer; /* in the heap with a key that is at most the deadline */
    struct co_queue joiners;
};

struct co_fd {
    struct co *reader, *writer;
    uint32_t registered; /* the events that epoll reports for it; 0: none */
    bool unseen_input;   /* reported while nobody waited */
    bool unseen_output;
    bool is_shared; /* another process has the file open: closing it does not unregister it */
    bool hung_up;   /* no further edge need come: trust none, ask epoll each time */
};

struct co_loop {
    bool started, stopped;
    int epoll_fd;
    struct co *current;
    struct co_context context;
    void *fake_stack;
    const void *stack_bottom;
    size_t stack_size;
    struct list all, ready, yielded, spare;
    size_t n_all, n_spare;
    struct heap timers;
    struct co_fd *fds;
    size_t n_fds;
    int64_t now;     /* monotonic, of this turn */
    int64_t trim_at; /* when stacks of those who wait are looked at; 0: there are none */
    int forbidden;
};

extern struct co_loop co_loop;

/* It has parked: should that last, what its stack does not need is given back. */
void co_loop_may_trim(struct co *co);

/* Create epoll and lists at first use. 0, or -1 with errno. */
MUST_USE int co_loop_start(void);

/*
 * Suspend the running coroutine until somebody wakes it or the deadline passes. The caller has
 * entered it where wake takes it out again.
 */
enum wake co_park(enum co_wait wait, deadline_t until);
void co_wake(struct co *co, enum wake wake);

/* Run a coroutine until it parks or ends. */
void co_resume(struct co *co);

/* Queue a coroutine to run. */
void co_make_ready(struct co *co);

/* fd.c: entries of the table, and what an epoll event does. */
void co_fd_event(int fd, uint32_t events);
void co_fd_leave(struct co *co);
void co_fd_forget_all(void);

/* queue.c */
void co_queue_leave(struct co *co);

/* offload.c: true when the event was that of its own descriptor; forget the parent's threads.
 */
bool co_offload_event(int fd);
void co_offload_after_fork(void);
/* The loop is about to sleep: see to jobs that wait behind one that takes longer than expected.
 * True when the loop should look again soon. */
bool co_offload_idle(void);

/* EPOLLIN or EPOLLOUT by poll(2), for who runs outside a coroutine. */
enum wake co_poll(int fd, uint32_t events, deadline_t until);
