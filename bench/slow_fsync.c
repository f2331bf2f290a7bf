/*
 * Run a command with a slow disk: each fsync, fdatasync, syncfs and sync that it or any of its
 * descendants makes takes so many milliseconds longer.
 *
 *   slow_fsync MILLISECONDS COMMAND [ARGUMENT ...]
 *
 * The calls are stopped by a seccomp filter that asks us (SECCOMP_RET_USER_NOTIF), and go on
 * when their time has come. Unlike a preloaded library this holds for static and set-id
 * programs, and for those that clean their environment. The delays of several calls pass side
 * by side. Needs root.
 */
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Calls that may wait at once; one more waits in the kernel until there is room. */
#define WAITING_MAX 4096

static struct {
    uint64_t id;
    int64_t due_ns;
} waiting[WAITING_MAX]; /* a ring: all wait equally long, so the first is due first */

static size_t first, count;

static int64_t now_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        err(1, "clock_gettime");
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int install_filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fsync, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fdatasync, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_syncfs, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sync, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    /* Once we have a call, only a fatal signal ends its wait: no second wait after a SIGALRM.
     */
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                      &program);

    if (fd < 0)
        err(1, "install the filter");
    return (int)fd;
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int socket, int fd)
{
    union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};
    char byte = 0;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (sendmsg(socket, &message, 0) < 0)
        err(1, "hand over the filter");
}

static int receive_fd(int socket)
{
    union control control;
    char byte;
    int fd;
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&message))
        exit(1); /* the other side has said why */
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

static void take_call(int listener, int64_t delay_ns)
{
    struct seccomp_notif call = {0};

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
        if (errno != ENOENT && errno != EINTR) /* ENOENT: its process was killed */
            err(1, "receive a call");
        return;
    }
    waiting[(first + count) % WAITING_MAX].id = call.id;
    waiting[(first + count) % WAITING_MAX].due_ns = now_ns() + delay_ns;
    count++;
}

static void let_go(int listener)
{
    while (count > 0 && waiting[first].due_ns <= now_ns()) {
        struct seccomp_notif_resp answer = {.id = waiting[first].id,
                                            .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
            err(1, "let a call go");
        first = (first + 1) % WAITING_MAX;
        count--;
    }
}

/* Until no process has the filter any more. */
static void supervise(int listener, int64_t delay_ns)
{
    for (;;) {
        struct pollfd events = {.fd = listener, .events = count < WAITING_MAX ? POLLIN : 0};
        int64_t left_ns = count > 0 ? waiting[first].due_ns - now_ns() : -1;
        struct timespec timeout = {.tv_sec = left_ns / 1000000000,
                                   .tv_nsec = left_ns % 1000000000};

        if (count > 0 && left_ns < 0)
            timeout = (struct timespec){0};
        if (ppoll(&events, 1, count > 0 ? &timeout : NULL, NULL) < 0 && errno != EINTR)
            err(1, "poll");
        if (events.revents & POLLIN)
            take_call(listener, delay_ns);
        else if (events.revents & (POLLHUP | POLLERR))
            return;
        let_go(listener);
    }
}

int main(int argc, char **argv)
{
    int pair[2];
    char *end = NULL;
    long delay_ms = argc > 2 ? strtol(argv[1], &end, 10) : 0;

    if (delay_ms <= 0 || *end)
        errx(2, "usage: %s MILLISECONDS COMMAND [ARGUMENT ...]", argv[0]);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        err(1, "socketpair");
    pid_t supervisor = fork();

    if (supervisor < 0)
        err(1, "fork");
    if (supervisor == 0) {
        close(pair[0]);
        if (setsid() < 0 || prctl(PR_SET_TIMERSLACK, 1UL) < 0)
            err(1, "supervisor");
        supervise(receive_fd(pair[1]), delay_ms * 1000000);
        return 0;
    }
    close(pair[1]);
    int listener = install_filter();

    send_fd(pair[0], listener);
    close(listener);
    execvp(argv[2], argv + 2);
    err(127, "%s", argv[2]);
}
