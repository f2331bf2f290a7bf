/*
 * A worker with many sessions: the coroutines that accept, listen to master, and end the
 * process in good order.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "ipc/client.h"
#include "worker/process.h"

/* Stop: how long jobs in progress may take, and how long cancelled ones to unwind. */
#define STOP_GRACE_MS  SECONDS(2)
#define STOP_UNWIND_MS SECONDS(1)
#define STOP_LOOK_MS   10

/* The skeleton's own coroutines, which must not keep the process alive. */
static struct co *own[3];

static void spawn_own(size_t index, const char *name, co_fn *run)
{
    own[index] = co_spawn(name, run, NULL);
    if (!own[index])
        fatal(1, "no memory for a stack");
}

/* Trouble with one connection is over with it; lack of descriptors or memory takes time. */
static bool accept_trouble_lasts(void)
{
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
        return false;
    log_warning("accept connection: %m");
    return true;
}

static void accept_session(int listener)
{
    struct worker_client client;

    if (!worker_slot_try())
        return;
    if (worker_accept(listener, &client) == 0) {
        if (worker_spawn_session(&client) == 0)
            return;
        stream_release(&client.stream);
    } else if (accept_trouble_lasts()) {
        co_sleep_until(deadline_in(SECONDS(1)));
    }
    worker_slot_give();
}

static void accept_channel(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (accept_trouble_lasts())
            co_sleep_until(deadline_in(SECONDS(1)));
        return;
    }
    /* With one slot, a connection that is idle would keep a job of another client waiting. */
    if (process.limits.slots == 1)
        worker_dismiss_idle();
    /* Nobody to tell: the connection is closed, and the log says why. */
    (void)!worker_spawn_channel(fd);
}

/* One at a turn: the rest is for the other processes of the service, or for the next turn. */
static void accept_one(int listener)
{
    worker_look_for_changed_files();
    if (process.is_draining)
        return;
    if (process.worker->serve)
        accept_session(listener);
    else
        accept_channel(listener);
}

static bool has_no_place(void)
{
    if (process.n_busy >= process.limits.slots)
        return true;
    uint32_t limit = process.limits.slot_limit;

    return process.worker->serve && limit > 0 && scoreboard_busy(process.scoreboard) >= limit;
}

static void accept_connections(void *arg)
{
    int listener = *(const int *)arg;

    while (!process.is_draining) {
        if (has_no_place()) {
            co_forget_fd(listener);
            worker_wait_for_free_slot();
            continue;
        }
        if (co_wait_fd(listener, EPOLLIN | EPOLLEXCLUSIVE, DEADLINE_NONE) == WAKE_READY)
            accept_one(listener);
    }
    co_forget_fd(listener);
    close(listener);
}

static void receive_datagrams(void *arg)
{
    int socket = *(const int *)arg;

    while (!process.is_draining) {
        if (co_wait_fd(socket, EPOLLIN, DEADLINE_NONE) != WAKE_READY)
            continue;
        worker_job_began();
        process.worker->receive(socket);
        process.idle_since = time_now_ms();
    }
    co_forget_fd(socket);
    close(socket);
}

void worker_loop_pause(void)
{
    if (process.is_plain || !co_self())
        return;
    for (int i = 0; i < process.arguments.n_listeners; i++)
        co_forget_fd(WORKER_FD_LISTEN + i);
}

static void spawn_listeners(void)
{
    int *listeners = mem_array(int, (size_t)process.arguments.n_listeners); /* for good */

    for (int i = 0; i < process.arguments.n_listeners; i++) {
        int fd = WORKER_FD_LISTEN + i;

        listeners[i] = fd;
        if (process.arguments.type == LISTENER_FIFO) {
            if (worker_spawn_channel(fd) < 0)
                fatal(1, "no memory for a stack");
        } else if (!co_spawn("accept",
                             process.worker->receive ? receive_datagrams : accept_connections,
                             &listeners[i])) {
            fatal(1, "no memory for a stack");
        }
    }
}

/* -- the end -- */

/* The last session is gone. What a worker with triggers still does by itself, it ends itself.
 */
static void end_when_done(void)
{
    if (worker_count_connections() > 0)
        return;
    if (process.worker->serve || process.worker->request) {
        co_stop();
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (own[i])
            co_cancel(own[i]);
    }
    client_reset();
}

void worker_loop_session_ended(void)
{
    if (process.is_draining)
        end_when_done();
}

void worker_loop_drain(void)
{
    client_set_idle_limit(0);
    client_reset();
    for (int i = 0; i < process.arguments.n_listeners; i++)
        co_forget_fd(WORKER_FD_LISTEN + i);
    worker_wake_acceptors();
    worker_dismiss_idle();
    end_when_done();
}

static void wait_for_others(deadline_t until)
{
    while (co_count() > 1 && time_now_ms() < until)
        co_sleep_until(deadline_in(STOP_LOOK_MS));
}

static void stop(void)
{
    process.is_stopping = true;
    worker_drain();
    wait_for_others(deadline_in(STOP_GRACE_MS));
    worker_cancel_sessions();
    wait_for_others(deadline_in(STOP_UNWIND_MS));
    co_stop();
}

/* -- what may happen to the process -- */

static void listen_to_master(void *arg)
{
    struct control_message message;

    (void)arg;
    while (co_wait_fd(WORKER_FD_CONTROL, EPOLLIN, DEADLINE_NONE) == WAKE_READY) {
        ssize_t len = recv(WORKER_FD_CONTROL, &message, sizeof(message), MSG_DONTWAIT);

        if (len == 0 || (len < 0 && errno != EAGAIN)) {
            own[0] = NULL;
            stop();
            return;
        }
        if (len >= (ssize_t)sizeof(message.word) && message.word == CONTROL_DRAIN)
            worker_drain();
    }
    own[0] = NULL;
}

static void wait_for_signals(void *arg)
{
    int number;

    (void)arg;
    enum wake wake = co_wait_signal(&number, DEADLINE_NONE);

    own[1] = NULL;
    if (wake == WAKE_READY) {
        stop();
        return;
    }
    /* Nobody waits any more: from now on the signal ends the process at once. */
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static bool has_been_idle(void)
{
    return !process.worker->stays && process.n_busy == 0 && params.max_idle > 0 &&
           time_now_ms() - process.idle_since >= params.max_idle;
}

static void watch_idleness(void *arg)
{
    (void)arg;
    while (!process.is_draining && co_sleep_until(deadline_in(SECONDS(1))) == WAKE_TIMEOUT) {
        worker_look_for_changed_files();
        if (has_been_idle())
            worker_drain();
    }
    own[2] = NULL;
}

static void run_started(void *arg)
{
    (void)arg;
    process.worker->started();
}

void worker_run_loop(void)
{
    static const int signals[] = {SIGTERM};

    co_block_signals(signals, ARRAY_SIZE(signals));
    worker_greet_master();
    co_on_idle(log_flush);
    spawn_own(0, "control", listen_to_master);
    spawn_own(1, "signals", wait_for_signals);
    spawn_own(2, "idleness", watch_idleness);
    if (process.worker->started && !co_spawn("started", run_started, NULL))
        fatal(1, "no memory for a stack");
    spawn_listeners();
    worker_set_state(SCOREBOARD_FREE);
    co_run();
}
