/*
 * Coroutines: session code reads from top to bottom as if every wait blocked; underneath, a
 * wait switches to the event loop and other sessions run.
 *
 * All coroutines of a process run on one thread. Between two calls marked MAY_WAIT nothing else
 * runs, so shared state needs no lock; across one, do not trust what you read before.
 *
 * Outside a coroutine (commands, one-session workers, unit tests) every wait is plain poll(2),
 * and co_offload is the plain call: the same streams and client stubs serve both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"
#include "base/time.h"

struct co;

typedef void co_fn(void *arg);

enum wake {
    WAKE_READY,     /* what was waited for is there */
    WAKE_TIMEOUT,   /* the deadline passed */
    WAKE_CANCELLED, /* co_cancel: unwind by returning */
};

/* A place to wait (a condition variable); zero-initialized. */
struct co_waiter;

struct co_queue {
    struct co_waiter *head, *tail;
};

/*
 * Start run(arg) as a coroutine; it first runs at the next turn of the loop. name is kept as a
 * pointer: a literal. Returns NULL when no stack can be had (the caller answers 4xx).
 */
MUST_USE struct co *co_spawn(const char *name, co_fn *run, void *arg);

/*
 * log_verbosity (base/log.h) is each coroutine's own: one that raises it logs more, and so do
 * those that it starts.
 */

/* The running coroutine, or NULL outside of one. */
struct co *co_self(void);

/*
 * Wait until the descriptor is readable (EPOLLIN) or writable (EPOLLOUT); hang-up and error
 * count as ready. One waiter for each descriptor and direction at a time. Each call costs an
 * epoll_ctl(2); it is right whatever was read before.
 *
 * EPOLLIN | EPOLLEXCLUSIVE is for a listening socket that several processes share: one of those
 * that wait is woken. Such a descriptor is waited for in no other way.
 */
MAY_WAIT enum wake co_wait_fd(int fd, uint32_t events, deadline_t until);

/*
 * The same without the system call, for a caller whose last read (write) of the descriptor said
 * EAGAIN, or on a byte stream other than a terminal gave (took) less than it was asked to.
 * Once in a while WAKE_READY comes too early: read again, and wait again after EAGAIN.
 */
MAY_WAIT enum wake co_wait_drained(int fd, uint32_t events, deadline_t until);

/*
 * Tell the loop that the descriptor is about to be closed: its waiters wake with
 * WAKE_CANCELLED, and its registration goes. Call before close(2) on any descriptor that was
 * ever waited for.
 */
void co_forget_fd(int fd);

/*
 * The same, and close it. Saves the system call that takes the registration back, since the
 * kernel does that with the last descriptor of a file; where another process has one too, say
 * so with co_share_fd beforehand.
 */
void co_close_fd(int fd);
void co_share_fd(int fd);

/*
 * True when the last look at events has shown nothing to read from a descriptor whose input was
 * read to the end, and no end of it. Asks nobody: false also means "not known".
 */
bool co_is_quiet(int fd);

/* Sleep. WAKE_TIMEOUT when the time has come, WAKE_CANCELLED at once when cancelled. */
MAY_WAIT enum wake co_sleep_until(deadline_t until);

/* Let others run; for long computations only. */
MAY_WAIT void co_yield(void);

/* Wait in the queue until woken. Outside a coroutine there is nobody to wake us: a bug. */
MAY_WAIT enum wake co_wait(struct co_queue *queue, deadline_t until);
void co_wake_one(struct co_queue *queue); /* the longest waiter; harmless when empty */
void co_wake_all(struct co_queue *queue);
bool co_queue_is_empty(const struct co_queue *queue);

/*
 * Run one blocking system call in the helper pool and wait for it; not cancellable, since the
 * disk will answer. call gets no session data it does not own, calls no library of ours, and
 * logs nothing. errno is carried over. Returns what call returned.
 */
MAY_WAIT int co_offload(int (*call)(void *arg), void *arg);
/* The common ones. -1 with errno. */
MAY_WAIT int co_fsync(int fd);

/* Make the current and every later wait of that coroutine return WAKE_CANCELLED. */
void co_cancel(struct co *co);
bool co_is_cancelled(void);

/*
 * Keep a coroutine's handle valid after its end until co_join or co_detach. Without it the
 * pointer returned by co_spawn is good only until the coroutine first ran to its end.
 */
void co_hold(struct co *co);
MAY_WAIT enum wake co_join(struct co *co, deadline_t until); /* READY: ended and released */
void co_detach(struct co *co);

/*
 * Wait for a child process; *status is that of waitpid(2). Any number of coroutines may wait,
 * each for its own child. A process that is no child of ours counts as ended with status 0.
 */
MAY_WAIT enum wake co_wait_child(pid_t pid, int *status, deadline_t until);

/*
 * Wait for one of the signals that were blocked with co_block_signals; *number tells which.
 * One coroutine at a time. What a child executes inherits the blocked signals unless the child
 * unblocks them.
 */
void co_block_signals(const int *numbers, int count);
MAY_WAIT enum wake co_wait_signal(int *number, deadline_t until);

/* Between true and false a wait is a bug: set around library callbacks. Nests. */
void co_forbid_wait(bool forbid);

/*
 * Run the loop until no coroutine is left, or co_stop was called. With -v it logs each run of a
 * coroutine that took above 100 ms: somebody blocks, or should call co_yield. It also logs a
 * stack overflow before the process ends; nothing else in here logs.
 */
void co_run(void);
void co_stop(void);
/* How many coroutines there are, the one that asks among them. */
size_t co_count(void);

/*
 * After fork(2) in a child that goes on to use coroutines or polls: forget the parent's loop.
 * The child may not return from the coroutine that it was forked in: it executes or exits.
 */
void co_after_fork(void);

/*
 * Called each time before the loop goes to sleep (log_flush and the like); returning true asks
 * to be called again soon. At most four; never waits.
 */
void co_on_idle(bool (*call)(void));

/* How often the loop has turned; for signal handlers, too. Wraps around. */
unsigned co_turns(void);

/* For the debug log: how deep the deepest stack of the process went, in bytes. */
size_t co_deepest_stack(void);
/* "name: waiting for fd 7 since 12 s" for every coroutine, one call each. */
void co_dump(void (*line)(const char *text));
