#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/params.h"
#include "master.h"
#include "worker/control.h"

bool process_is_ours(pid_t pid)
{
    LIST_FOREACH(&services, link)
    {
        const struct service *service = CONTAINER_OF(link, struct service, link);

        LIST_FOREACH(&service->processes, member)
        {
            if (CONTAINER_OF(member, struct process, link)->pid == pid)
                return true;
        }
    }
    return false;
}

static void throttle(struct service *service)
{
    service->throttled_until = time_now_ms() + params.service_throttle_time;
    co_wake_all(&service->changed);
}

static bool take_row(struct service *service, uint32_t *row)
{
    for (uint32_t i = 0; i < SCOREBOARD_ROWS; i++) {
        if (service->row_used[i])
            continue;
        service->row_used[i] = true;
        *row = i;
        if (i >= atomic_load(&service->scoreboard->n_rows))
            atomic_store(&service->scoreboard->n_rows, i + 1);
        return true;
    }
    return false;
}

static void clear_row(struct service *service, uint32_t row, enum scoreboard_state state)
{
    struct scoreboard_row *cells = &service->scoreboard->rows[row];

    atomic_store(&cells->busy, 0);
    atomic_store(&cells->uses, 0);
    atomic_store(&cells->state, (uint32_t)state);
}

/* The number of processes that take work, for the workers to see. */
static void publish_count(struct service *service)
{
    uint32_t n = 0;

    LIST_FOREACH(&service->processes, link)
    n += !CONTAINER_OF(link, struct process, link)->is_draining;
    atomic_store(&service->scoreboard->n_processes, n);
}

static uint32_t working(const struct service *service)
{
    return atomic_load(&service->scoreboard->n_processes);
}

/* A worker says that it takes no more work for now, or that it could use help. */
static void look(struct service *service)
{
    struct scoreboard *scoreboard = service->scoreboard;

    LIST_FOREACH(&service->processes, link)
    {
        struct process *process = CONTAINER_OF(link, struct process, link);

        if (atomic_load(&scoreboard->rows[process->row].state) == SCOREBOARD_DRAINING)
            process->is_draining = true;
    }
    publish_count(service);
    bool has_room = service->n_max == 0 || working(service) < service->n_max;
    bool may_help = atomic_load(&scoreboard->has_asked) && has_room && !service->is_removed &&
                    time_now_ms() >= service->throttled_until && service->n_listeners > 0 &&
                    working(service) < atomic_load(&scoreboard->n_spread);

    if (may_help)
        process_start(service);
    co_wake_all(&service->changed);
}

static void hear(struct process *process, const struct control_message *message)
{
    struct service *service = process->service;

    if (message->word == CONTROL_HELLO) {
        service->n_max = message->n_max;
        service->counts_draining = message->counts_draining != 0;
        co_wake_all(&service->changed);
    } else if (message->word == CONTROL_LOOK) {
        look(service);
    }
}

static void listen_to(struct process *process)
{
    struct control_message message;

    for (;;) {
        if (co_wait_fd(process->control, EPOLLIN, DEADLINE_NONE) != WAKE_READY)
            return;
        ssize_t len = recv(process->control, &message, sizeof(message), MSG_DONTWAIT);

        if (len == (ssize_t)sizeof(message))
            hear(process, &message);
        else if (len >= 0 || errno != EAGAIN)
            return;
    }
}

static void report_end(const struct process *process, int status)
{
    const char *program = process->service->program;

    if (WIFEXITED(status))
        log_warning("process %s pid %d exit status %d", program, process->pid,
                    WEXITSTATUS(status));
    else
        log_warning("process %s pid %d killed by signal %d", program, process->pid,
                    WTERMSIG(status));
}

static void process_ended(struct process *process, int status)
{
    struct service *service = process->service;
    const struct scoreboard_row *row = &service->scoreboard->rows[process->row];
    bool did_nothing = atomic_load(&row->uses) == 0;
    const uint64_t one = 1;

    if (status != 0)
        report_end(process, status);
    if (status != 0 && did_nothing && !process->is_draining) {
        log_warning("%s: bad command startup -- throttling", service->program);
        throttle(service);
    }
    clear_row(service, process->row, SCOREBOARD_UNUSED);
    service->row_used[process->row] = false;
    list_remove(&process->link);
    mem_free(process);
    publish_count(service);
    atomic_store(&service->scoreboard->has_asked, 0); /* there is room again */
    /* Whoever waits for a slot may have the dead one's. */
    (void)!write(service->slot_freed_fd, &one, sizeof(one));
    co_wake_all(&service->changed);
    if (status != 0 && !service->is_removed)
        wakeup_now(service);
    service_freed_if_done(service);
}

static void attend(void *arg)
{
    struct process *process = arg;
    int status = 0;

    listen_to(process);
    co_forget_fd(process->control);
    fd_close(&process->control);
    while (co_wait_child(process->pid, &status, DEADLINE_NONE) != WAKE_READY)
        continue;
    process_ended(process, status);
}

static pid_t spawn(struct service *service, uint32_t row, int *control)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -1;
    pid_t pid = launch_program(service, row, pair[1]);

    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    *control = pair[0];
    return pid;
}

void process_start(struct service *service)
{
    struct process *process = mem_new(struct process);

    atomic_store(&service->scoreboard->has_asked, 0);
    *process = (struct process){.service = service, .pid = -1};
    if (take_row(service, &process->row)) {
        clear_row(service, process->row, SCOREBOARD_STARTING);
        process->pid = spawn(service, process->row, &process->control);
    }
    if (process->pid < 0) {
        log_warning("fork: %m -- throttling");
        service->row_used[process->row] = false;
        mem_free(process);
        throttle(service);
        return;
    }
    list_append(&service->processes, &process->link);
    service->n_started++;
    publish_count(service);
    co_wake_all(&service->changed);
    if (!co_spawn("process", attend, process))
        fatal(1, "no memory for a stack");
}

void process_drain(struct process *process)
{
    const struct control_message message = {.word = CONTROL_DRAIN};

    if (process->is_draining)
        return;
    process->is_draining = true;
    /* One that is just ending does not hear it. */
    (void)!send(process->control, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
    publish_count(process->service);
}

void process_signal(const struct process *process, int number)
{
    if (kill(process->pid, number) < 0)
        log_warning("signal process %d: %m", process->pid);
}
