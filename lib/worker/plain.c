/*
 * A worker with one session: no coroutines, one job at a time, every wait is a poll(2).
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "ipc/client.h"
#include "worker/process.h"
#include "worker/watchdog.h"

/* Our own idle connections to other services are closed after so long without work. */
#define CLIENT_IDLE_MS SECONDS(5)

/* So long a process that holds a connection leaves others to those that are free. */
#define PRECEDENCE_MS 200

/* So often the connection that is held comes before a client that waits to be accepted. */
#define OVERTAKEN_MOST 10

#define TRIGGER_TIMEOUT_MS SECONDS(5)

static volatile sig_atomic_t is_terminated;

/* The one connection of a `request` worker that stays open between jobs. */
static struct channel held;
static bool is_holding;
static bool is_held_new; /* its first request has not come */

static void terminate(int number)
{
    (void)number;
    is_terminated = 1;
}

/* SIGTERM is looked at between jobs alone. */
static void catch_signals(sigset_t *between_jobs)
{
    const struct sigaction action = {.sa_handler = terminate};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, between_jobs) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        fatal(1, "signals: %m");
    sigdelset(between_jobs, SIGTERM);
}

static void drop_held(void)
{
    if (is_holding)
        channel_release(&held);
    is_holding = false;
}

static void dismiss_held(void)
{
    if (is_holding)
        worker_say_goodbye(held.stream.fd);
    drop_held();
}

static void serve_held(void)
{
    enum message_number number;
    struct slice body;

    is_held_new = false;
    stream_set_deadline(&held.stream, deadline_in(params.ipc_timeout));
    stream_is_ready(&held.stream);
    if (channel_receive(&held, &number, &body, NULL) < 0 || number == MESSAGE_NONE) {
        drop_held();
        return;
    }
    bug_if(!worker_slot_try());
    worker_job_began();
    stream_set_deadline(&held.stream, DEADLINE_NONE);
    if (process.worker->request(&held, number, body) < 0 || channel_flush(&held, NULL) < 0)
        drop_held();
    worker_slot_give();
    worker_job_ended();
}

static void serve_client(struct worker_client *client)
{
    bug_if(!worker_slot_try());
    worker_job_began();
    if (worker_take_passed(client) == 0) {
        process.worker->serve(client);
        stream_release(&client->stream);
    }
    worker_slot_give();
    worker_job_ended();
}

static void serve_trigger(struct stream *stream)
{
    struct slice bytes;

    stream_set_deadline(stream, deadline_in(TRIGGER_TIMEOUT_MS));
    while (stream_fill(stream, &bytes) == 0) {
        worker_trigger(bytes);
        stream_consume(stream, bytes.len);
    }
    stream_release(stream);
}

static void accept_one(int listener)
{
    struct worker_client client;

    if (worker_accept(listener, &client) < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warning("accept connection: %m");
            co_sleep_until(deadline_in(SECONDS(1)));
        }
        return;
    }
    if (process.worker->serve) {
        serve_client(&client);
    } else if (process.worker->request) {
        dismiss_held();
        held = (struct channel){.stream = client.stream};
        is_holding = is_held_new = true;
        process.idle_since = time_now_ms();
    } else {
        serve_trigger(&client.stream);
    }
}

static void take_from(int listener)
{
    struct stream fifo;

    if (process.arguments.type == LISTENER_FIFO) {
        stream_init(&fifo, listener);
        serve_trigger(&fifo);
    } else if (process.arguments.type == LISTENER_DATAGRAM) {
        worker_job_began();
        process.worker->receive(listener);
        worker_job_ended();
    } else {
        accept_one(listener);
    }
}

static void hear_master(void)
{
    struct control_message message;
    ssize_t len = recv(WORKER_FD_CONTROL, &message, sizeof(message), MSG_DONTWAIT);

    if (len == 0 || (len < 0 && errno != EAGAIN) ||
        (len >= (ssize_t)sizeof(message.word) && message.word == CONTROL_DRAIN))
        worker_drain();
}

enum { POLL_CONTROL, POLL_HELD, POLL_LISTENERS };

/* How long to wait for work, in milliseconds; -1: for ever. */
static int64_t patience(void)
{
    if (process.worker->stays || params.max_idle <= 0)
        return -1;
    int64_t left = process.idle_since + params.max_idle - time_now_ms();

    if (left <= 0)
        return 0;
    return left < CLIENT_IDLE_MS ? left : CLIENT_IDLE_MS;
}

static int wait_for_work(struct pollfd *fds, nfds_t n_listeners, bool at_listeners, int64_t ms,
                         const sigset_t *mask)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    fds[POLL_CONTROL] = (struct pollfd){.fd = WORKER_FD_CONTROL, .events = POLLIN};
    fds[POLL_HELD] = (struct pollfd){.fd = is_holding ? held.stream.fd : -1, .events = POLLIN};
    /* Those that are not asked this time must not look ready. */
    for (nfds_t i = POLL_LISTENERS; i < POLL_LISTENERS + n_listeners; i++)
        fds[i].revents = 0;
    return ppoll(fds, POLL_LISTENERS + (at_listeners ? n_listeners : 0), ms < 0 ? NULL : &time,
                 mask);
}

static const struct pollfd *first_ready(const struct pollfd *listeners, nfds_t n_listeners)
{
    for (nfds_t i = 0; i < n_listeners; i++) {
        if (listeners[i].revents)
            return &listeners[i];
    }
    return NULL;
}

/* A client that never pauses must not keep those out who wait. */
static void take_work(struct pollfd *fds, nfds_t n_listeners)
{
    static int n_overtaken;

    worker_look_for_changed_files();
    if (process.is_draining)
        return;
    const struct pollfd *waiting = first_ready(fds + POLL_LISTENERS, n_listeners);

    if (fds[POLL_HELD].revents && (!waiting || n_overtaken++ < OVERTAKEN_MOST)) {
        if (waiting)
            worker_ask_for_company();
        serve_held();
        return;
    }
    n_overtaken = 0;
    if (waiting)
        take_from(waiting->fd);
}

/* One turn: wait, and do what there is to do. */
static void turn(struct pollfd *fds, nfds_t n_listeners, const sigset_t *mask)
{
    /* First, for we are not the free one whom we would give way to. */
    worker_set_state(is_holding ? SCOREBOARD_HOLDING : SCOREBOARD_FREE);

    /* Nobody is sent away before he has said what he wants. */
    bool gives_way = is_holding && (is_held_new || scoreboard_has_free(process.scoreboard));
    int64_t ms = gives_way ? PRECEDENCE_MS : patience();

    (void)log_flush();
    int n = wait_for_work(fds, n_listeners, !gives_way, ms, mask);

    if (is_terminated) {
        worker_drain();
        return;
    }
    if (n == 0 && gives_way) {
        n = wait_for_work(fds, n_listeners, true, patience(), mask);
    }
    if (n == 0) {
        client_reset();
        if (patience() == 0)
            worker_drain();
    }
    if (n > 0 && fds[POLL_CONTROL].revents)
        hear_master();
    if (n > 0)
        take_work(fds, n_listeners);
}

void worker_run_plain(void)
{
    nfds_t n_listeners = (nfds_t)process.arguments.n_listeners;
    struct pollfd *fds = mem_array(struct pollfd, POLL_LISTENERS + n_listeners);
    sigset_t between_jobs;

    catch_signals(&between_jobs);
    worker_greet_master();
    for (nfds_t i = 0; i < n_listeners; i++)
        fds[POLL_LISTENERS + i] =
            (struct pollfd){.fd = WORKER_FD_LISTEN + (int)i, .events = POLLIN};
    if (process.worker->started)
        process.worker->started();
    while (!process.is_draining) {
        watchdog_note_turn();
        turn(fds, n_listeners, &between_jobs);
    }
    if (process.arguments.type == LISTENER_DATAGRAM) {
        for (nfds_t i = 0; i < n_listeners; i++)
            process.worker->receive(fds[POLL_LISTENERS + i].fd); /* what has come so far */
    }
    dismiss_held();
    client_reset();
    mem_free(fds);
}
