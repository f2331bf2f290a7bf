/*
 * A few threads that make system calls which block on the disk. They see a function and its
 * argument, nothing else; the coroutine that asked sleeps meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/time.h"
#include "co/loop.h"

#define THREADS_MOST 16
/*
 * While jobs are done so fast, a thread that is at one takes the next as well, up to so many
 * for each thread: that costs no wake-up, and less time than one. On a slow disk every job gets
 * a thread, so that the system can serve them together.
 */
#define FAST_JOB_NS        ((int64_t)3000000)
#define JOBS_FOR_A_THREAD  2
#define AVERAGE_OVER       8
#define THREAD_STACK_BYTES ((size_t)256 * 1024)

/* Lives on the stack of the coroutine that waits for it. */
struct job {
    struct job *next;
    int (*call)(void *arg);
    void *arg;
    int result, saved_errno;
    int64_t since; /* when it was handed over */
    struct co *co;
};

struct job_list {
    struct job *first, *last;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t work;
    int n_threads, n_idle, n_waiting; /* all of these under the lock */
    int64_t average_ns;               /* of the last jobs */
    struct job_list waiting, done;
    int done_fd; /* eventfd: jobs were done */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done_fd = -1};

static void append(struct job_list *list, struct job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static struct job *take_first(struct job_list *list)
{
    struct job *job = list->first;

    if (job) {
        list->first = job->next;
        if (!list->first)
            list->last = NULL;
    }
    return job;
}

/* Called and returns with the lock held. */
static struct job *wait_for_job(void)
{
    struct job *job;

    pool.n_idle++;
    while (!(job = take_first(&pool.waiting)))
        (void)pthread_cond_wait(&pool.work, &pool.lock);
    pool.n_idle--;
    pool.n_waiting--;
    return job;
}

static void ring(int fd)
{
    uint64_t one = 1;
    ssize_t written;

    do
        written = write(fd, &one, sizeof(one));
    while (written < 0 && errno == EINTR);
    /* EAGAIN means that the bell rings already. */
}

static NORETURN void *serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.lock);
    for (;;) {
        struct job *job = wait_for_job();

        pthread_mutex_unlock(&pool.lock);
        int64_t began = time_now_ns();
        errno = 0;
        job->result = job->call(job->arg);
        job->saved_errno = errno;
        int64_t took = time_now_ns() - began;
        pthread_mutex_lock(&pool.lock);
        pool.average_ns += (took - pool.average_ns) / AVERAGE_OVER;
        bool first = !pool.done.first;
        append(&pool.done, job);
        if (first)
            ring(pool.done_fd);
    }
}

/* Signals are the loop's: a thread of ours takes none. */
static bool start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, serve, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return started;
}

static bool open_bell(void)
{
    if (pool.done_fd >= 0)
        return true;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd >= 0 && epoll_ctl(co_loop.epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        fd_close(&fd);
    pool.done_fd = fd;
    return fd >= 0;
}

/* Called with the lock held. */
static bool busy_threads_will_do(void)
{
    int n_busy = pool.n_threads - pool.n_idle;

    return pool.average_ns < FAST_JOB_NS && pool.n_waiting < n_busy * JOBS_FOR_A_THREAD;
}

/* False when there is no thread at all to do it. */
static bool hand_over(struct job *job)
{
    if (!open_bell())
        return false;
    pthread_mutex_lock(&pool.lock);
    bool needs_thread = !busy_threads_will_do();
    if (needs_thread && pool.n_waiting >= pool.n_idle && pool.n_threads < THREADS_MOST &&
        start_thread())
        pool.n_threads++;
    bool accepted = pool.n_threads > 0;
    if (accepted) {
        append(&pool.waiting, job);
        pool.n_waiting++;
    }
    pthread_mutex_unlock(&pool.lock);
    if (accepted && needs_thread)
        pthread_cond_signal(&pool.work);
    return accepted;
}

bool co_offload_idle(void)
{
    if (pool.n_threads == 0)
        return false;
    pthread_mutex_lock(&pool.lock);
    bool is_waiting = pool.n_waiting > 0;
    bool is_stuck = is_waiting && time_now_ns() - pool.waiting.first->since >= FAST_JOB_NS;
    pthread_mutex_unlock(&pool.lock);
    if (is_stuck)
        pthread_cond_signal(&pool.work);
    return is_waiting;
}

int co_offload(int (*call)(void *arg), void *arg)
{
    struct job job = {.call = call, .arg = arg, .since = time_now_ns(), .co = co_loop.current};

    if (!job.co || !hand_over(&job))
        return call(arg);
    (void)co_park(CO_WAIT_OFFLOAD, DEADLINE_NONE);
    errno = job.saved_errno;
    return job.result;
}

bool co_offload_event(int fd)
{
    uint64_t count;
    struct job *job;

    if (fd != pool.done_fd)
        return false;
    ssize_t got = read(fd, &count, sizeof(count));
    bug_if(got < 0 && errno != EAGAIN && errno != EINTR);
    pthread_mutex_lock(&pool.lock);
    struct job_list done = pool.done;
    pool.done = (struct job_list){0};
    pthread_mutex_unlock(&pool.lock);
    while ((job = take_first(&done)))
        co_wake(job->co, WAKE_READY);
    return true;
}

void co_offload_after_fork(void)
{
    /* The threads stayed with the parent, one of them perhaps holding the lock. */
    fd_close(&pool.done_fd);
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    pool.n_threads = pool.n_idle = pool.n_waiting = 0;
    pool.average_ns = 0;
    pool.waiting = pool.done = (struct job_list){0};
}

static int sync_fd(void *arg)
{
    return fsync(*(int *)arg);
}

int co_fsync(int fd)
{
    return co_offload(sync_fd, &fd);
}
