/*
 * Waiting for descriptors.
 *
 * A descriptor is registered with epoll once, edge-triggered, and stays so until co_forget_fd;
 * a wait of who has drained it then costs no system call. For who has not (co_wait_fd) it is
 * registered anew, which makes epoll look at its state.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "co/loop.h"

#define OVER (EPOLLERR | EPOLLHUP)

static struct co_fd *entry_of(int fd)
{
    size_t index = (size_t)fd;

    bug_if(fd < 0);
    if (index >= co_loop.n_fds) {
        size_t n = co_loop.n_fds ? co_loop.n_fds : 64;

        while (n <= index)
            n *= 2;
        co_loop.fds = mem_resize(co_loop.fds, n, sizeof(struct co_fd));
        for (size_t i = co_loop.n_fds; i < n; i++)
            co_loop.fds[i] = (struct co_fd){0};
        co_loop.n_fds = n;
    }
    return &co_loop.fds[index];
}

static int control(int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(co_loop.epoll_fd, operation, fd, &event);
}

/*
 * Tell epoll which events to report from now on, beginning with those that stand. Survives a
 * descriptor that was closed without co_forget_fd, and its number given out again.
 */
static int register_events(struct co_fd *entry, int fd, uint32_t events)
{
    int result = control(entry->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events);

    if (result < 0 && errno == ENOENT)
        result = control(EPOLL_CTL_ADD, fd, events);
    else if (result < 0 && errno == EEXIST)
        result = control(EPOLL_CTL_MOD, fd, events);
    if (result == 0)
        entry->registered = events;
    return result;
}

static void unregister(struct co_fd *entry, int fd)
{
    /* ENOENT and EBADF say that it is gone already. */
    (void)control(EPOLL_CTL_DEL, fd, 0);
    entry->registered = 0;
}

static bool take_unseen(struct co_fd *entry, uint32_t event)
{
    bool *unseen = event == EPOLLIN ? &entry->unseen_input : &entry->unseen_output;
    bool was = *unseen;

    *unseen = false;
    return was;
}

static enum wake park_on(int fd, uint32_t event, deadline_t until)
{
    struct co_fd *entry = entry_of(fd);
    struct co **place = event == EPOLLIN ? &entry->reader : &entry->writer;

    bug_if(*place);
    *place = co_loop.current;
    co_loop.current->fd = fd;
    return co_park(event == EPOLLIN ? CO_WAIT_INPUT : CO_WAIT_OUTPUT, until);
}

enum wake co_poll(int fd, uint32_t events, deadline_t until)
{
    struct pollfd wanted = {.fd = fd, .events = (short)(events & EPOLLOUT ? POLLOUT : POLLIN)};

    bug_if(co_loop.forbidden > 0);
    for (;;) {
        int n = poll(&wanted, 1, deadline_poll_ms(until));

        if (n == 0)
            return WAKE_TIMEOUT;
        if (n > 0 || errno != EINTR)
            return WAKE_READY; /* the caller's system call will say what is wrong */
    }
}

/*
 * The events to register for a wait. Input is reported ever after, output only while somebody
 * waits for it.
 */
static uint32_t wanted_events(const struct co_fd *entry, uint32_t event)
{
    uint32_t directions =
        event | (entry->registered & EPOLLIN) | (entry->writer ? (uint32_t)EPOLLOUT : 0);

    return directions | EPOLLET | (directions & EPOLLIN ? EPOLLRDHUP : 0U);
}

/*
 * Level-triggered, since EPOLLEXCLUSIVE cannot be registered anew; when an event finds nobody
 * waiting, the descriptor is left to the other processes.
 */
static enum wake wait_shared(int fd, deadline_t until)
{
    struct co_fd *entry = entry_of(fd);

    if (!entry->registered) {
        if (control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE) < 0 && errno != EEXIST)
            return WAKE_READY;
        entry->registered = EPOLLIN | EPOLLEXCLUSIVE;
    }
    return park_on(fd, EPOLLIN, until);
}

enum wake co_wait_fd(int fd, uint32_t events, deadline_t until)
{
    uint32_t event = events & EPOLLOUT ? EPOLLOUT : EPOLLIN;

    if (!co_loop.current)
        return co_poll(fd, event, until);
    if (co_is_cancelled())
        return WAKE_CANCELLED;
    if (events & EPOLLEXCLUSIVE)
        return wait_shared(fd, until);
    struct co_fd *entry = entry_of(fd);
    /* Regular files, which epoll refuses, are always ready; so is a bad descriptor. */
    if (register_events(entry, fd, wanted_events(entry, event)) < 0)
        return WAKE_READY;
    return park_on(fd, event, until);
}

enum wake co_wait_drained(int fd, uint32_t events, deadline_t until)
{
    uint32_t event = events & EPOLLOUT ? EPOLLOUT : EPOLLIN;

    if (!co_loop.current)
        return co_poll(fd, event, until);
    if (co_is_cancelled())
        return WAKE_CANCELLED;
    struct co_fd *entry = entry_of(fd);
    if (!(entry->registered & event) || entry->hung_up)
        return co_wait_fd(fd, event, until);
    if (take_unseen(entry, event))
        return WAKE_READY;
    return park_on(fd, event, until);
}

void co_fd_leave(struct co *co)
{
    struct co_fd *entry = entry_of(co->fd);

    if (co->wait == CO_WAIT_INPUT)
        entry->reader = NULL;
    else
        entry->writer = NULL;
    co->fd = -1;
}

/* A Unix socket reports room each time its peer reads: stop that when nobody waits for it. */
static void drop_output(struct co_fd *entry, int fd)
{
    const uint32_t input_only = EPOLLIN | EPOLLRDHUP | EPOLLET;

    if ((entry->registered & EPOLLIN) && register_events(entry, fd, input_only) == 0)
        entry->unseen_output = false;
}

void co_fd_event(int fd, uint32_t events)
{
    struct co_fd *entry = entry_of(fd);

    if (events & (OVER | EPOLLRDHUP))
        entry->hung_up = true;
    if (events & (EPOLLIN | EPOLLRDHUP | OVER)) {
        entry->unseen_input = !entry->reader;
        if (entry->reader)
            co_wake(entry->reader, WAKE_READY);
        else if (entry->registered & EPOLLEXCLUSIVE)
            unregister(entry, fd);
    }
    if (events & (EPOLLOUT | OVER)) {
        entry->unseen_output = !entry->writer;
        if (entry->writer)
            co_wake(entry->writer, WAKE_READY);
        else if (!(events & OVER))
            drop_output(entry, fd);
    }
}

static struct co_fd *known(int fd)
{
    return fd >= 0 && (size_t)fd < co_loop.n_fds ? &co_loop.fds[fd] : NULL;
}

static void wake_waiters(struct co_fd *entry)
{
    if (entry->reader)
        co_wake(entry->reader, WAKE_CANCELLED);
    if (entry->writer)
        co_wake(entry->writer, WAKE_CANCELLED);
}

void co_forget_fd(int fd)
{
    struct co_fd *entry = known(fd);

    if (!entry)
        return;
    wake_waiters(entry);
    if (entry->registered)
        unregister(entry, fd);
    *entry = (struct co_fd){0};
}

void co_close_fd(int fd)
{
    struct co_fd *entry = known(fd);

    if (entry && entry->is_shared) {
        co_forget_fd(fd);
    } else if (entry) {
        wake_waiters(entry);
        *entry = (struct co_fd){0};
    }
    (void)close(fd);
}

void co_share_fd(int fd)
{
    if (co_loop.started)
        entry_of(fd)->is_shared = true;
}

bool co_is_quiet(int fd)
{
    const struct co_fd *entry = known(fd);

    return entry && (entry->registered & EPOLLIN) && (entry->registered & EPOLLET) &&
           !entry->unseen_input && !entry->hung_up;
}

void co_fd_forget_all(void)
{
    mem_free(co_loop.fds);
    co_loop.fds = NULL;
    co_loop.n_fds = 0;
}
