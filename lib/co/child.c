/*
 * Waiting for child processes (each through its pidfd) and for signals (through a signalfd).
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "co/loop.h"

/* How often to ask when there is no descriptor left to wait on. */
#define ASK_AGAIN_MS 50

static int signal_fd = -1;
static sigset_t waited_signals;

/* True when it has ended, or was not ours to begin with (*status is 0 then). */
static bool reap(pid_t pid, int *status)
{
    pid_t got;

    do
        got = waitpid(pid, status, WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        *status = 0;
    return got != 0;
}

static deadline_t earlier(deadline_t a, deadline_t b)
{
    return a < b ? a : b;
}

/* Without a pidfd (no descriptors left): look now and then. */
static enum wake ask_until_ended(pid_t pid, int *status, deadline_t until)
{
    while (!reap(pid, status)) {
        if (co_is_cancelled())
            return WAKE_CANCELLED;
        if (deadline_poll_ms(until) == 0)
            return WAKE_TIMEOUT;
        (void)co_sleep_until(earlier(until, deadline_in(ASK_AGAIN_MS)));
    }
    return WAKE_READY;
}

enum wake co_wait_child(pid_t pid, int *status, deadline_t until)
{
    if (reap(pid, status))
        return WAKE_READY;
    CLEANUP(fd_close) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return ask_until_ended(pid, status, until);
    enum wake wake = co_wait_fd(fd, EPOLLIN, until);
    co_forget_fd(fd);
    if (wake == WAKE_READY)
        return ask_until_ended(pid, status, until);
    return wake;
}

void co_block_signals(const int *numbers, int count)
{
    if (signal_fd < 0)
        (void)sigemptyset(&waited_signals);
    for (int i = 0; i < count; i++)
        bug_if(sigaddset(&waited_signals, numbers[i]) < 0);
    bug_if(sigprocmask(SIG_BLOCK, &waited_signals, NULL) < 0);
    int fd = signalfd(signal_fd, &waited_signals, SFD_CLOEXEC | SFD_NONBLOCK);
    bug_if(fd < 0);
    signal_fd = fd;
}

enum wake co_wait_signal(int *number, deadline_t until)
{
    bug_if(signal_fd < 0);
    for (;;) {
        struct signalfd_siginfo info;
        ssize_t got = read(signal_fd, &info, sizeof(info));

        if (got == (ssize_t)sizeof(info)) {
            *number = (int)info.ssi_signo;
            return WAKE_READY;
        }
        bug_if(got >= 0 || (errno != EAGAIN && errno != EINTR));
        enum wake wake = co_wait_fd(signal_fd, EPOLLIN, until);
        if (wake != WAKE_READY)
            return wake;
    }
}
