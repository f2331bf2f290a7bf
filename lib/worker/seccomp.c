#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/jail.h"

/*
 * What workers and the libraries behind them ask of the kernel: descriptors, files, sockets,
 * memory, time, threads of their own. Not: programs, other processes, users, mounts, modules.
 */
static const int calls[] = {
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(access),
    SCMP_SYS(bind),
    SCMP_SYS(brk),
    SCMP_SYS(chdir),
    SCMP_SYS(chmod),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(connect),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fallocate),
    SCMP_SYS(fchdir),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fstatfs64),
    SCMP_SYS(fsync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(getcpu),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents),
    SCMP_SYS(getdents64),
    SCMP_SYS(getegid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getpeername),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getpriority),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getuid),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(listen),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(lstat),
    SCMP_SYS(lstat64),
    SCMP_SYS(madvise),
    SCMP_SYS(membarrier),
    SCMP_SYS(memfd_create),
    SCMP_SYS(mincore),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(mmap),
    SCMP_SYS(mmap2),
    SCMP_SYS(mprotect),
    SCMP_SYS(mremap),
    SCMP_SYS(msync),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(newfstatat),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(openat2),
    SCMP_SYS(pause),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(pselect6),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(read),
    SCMP_SYS(readahead),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rmdir),
    SCMP_SYS(rseq),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(select),
    SCMP_SYS(sendfile),
    SCMP_SYS(sendfile64),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(signalfd4),
    SCMP_SYS(socketpair),
    SCMP_SYS(splice),
    SCMP_SYS(stat),
    SCMP_SYS(stat64),
    SCMP_SYS(statfs),
    SCMP_SYS(statfs64),
    SCMP_SYS(statx),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(sysinfo),
    SCMP_SYS(time),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(times),
    SCMP_SYS(umask),
    SCMP_SYS(uname),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(utime),
    SCMP_SYS(utimensat),
    SCMP_SYS(utimes),
    SCMP_SYS(futimesat),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

/* How much is to be read, blocking or not, is it a terminal. */
static const unsigned long requests[] = {FIONREAD, FIONBIO, TCGETS};

static int allow_calls(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);

        /* A call that this machine does not have is not missed. */
        if (result < 0 && result != -EDOM && result != -EINVAL)
            return result;
    }
    return 0;
}

static int allow_families(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
        if (result < 0)
            return result;
    }
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                      SCMP_A1(SCMP_CMP_EQ, requests[i], 0));
        if (result < 0)
            return result;
    }
    return 0;
}

/* Threads, but no processes; signals to ourselves; of others only whether they live. */
static int allow_own_process(scmp_filter_ctx filter)
{
    int result = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
        SCMP_A0(SCMP_CMP_MASKED_EQ, (scmp_datum_t)CLONE_THREAD, (scmp_datum_t)CLONE_THREAD));

    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                                  SCMP_A1(SCMP_CMP_EQ, 0, 0));
    return result;
}

/* Fails with ENOSYS, as an older kernel would: libraries then do without. */
static int load(scmp_filter_ctx filter)
{
    int result = allow_calls(filter);

    if (result == 0)
        result = allow_families(filter);
    if (result == 0)
        result = allow_own_process(filter);
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    /* Of no matter where it is not known: the order of the comparisons. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return result < 0 ? result : seccomp_load(filter);
}

static bool is_supported(void)
{
    return prctl(PR_GET_SECCOMP) >= 0;
}

enum jail_result jail_close_calls(struct error *error)
{
    if (!is_supported())
        return JAIL_UNSUPPORTED;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    if (!filter) {
        error_set(error, ERROR_TEMPORARY, "seccomp: no memory");
        return JAIL_ERROR;
    }
    int result = load(filter);

    seccomp_release(filter);
    if (result == 0)
        return JAIL_CLOSED;
    errno = -result;
    error_set(error, ERROR_TEMPORARY, "seccomp: %m");
    return JAIL_ERROR;
}

void jail_log_support(void)
{
    if (!jail_can_close_files())
        log_info("this kernel has no Landlock (5.19 or later): workers can see the files of "
                 "the system");
    if (!is_supported())
        log_info("this kernel has no seccomp filter: workers can make any system call");
}
