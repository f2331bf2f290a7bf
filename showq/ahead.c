/* A ring of messages, read by whoever has time: the threads, and the caller when it has to
 * wait. */
#include "ahead.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "base/fd.h"

enum {
    MESSAGES = 64,
    THREADS = 2,
    WORTH_THREADS = 16, /* messages ahead: a short list is there before a thread has started */
    THREAD_STACK_BYTES = 256 * 1024,
    MARK_READY = 0700
};

/* The message number n stands at n % MESSAGES. All of it but the messages is under the lock. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t added, read;
    uint64_t n_added, n_begun, n_taken;
    int n_threads, n_idle;
    bool is_waiting; /* the caller, for a message that a thread reads */
    struct queue_layout layout;
    struct ahead_message messages[MESSAGES];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .added = PTHREAD_COND_INITIALIZER,
          .read = PTHREAD_COND_INITIALIZER};

/* -- reading ----------------------------------------------------------------------------------
 */

/*
 * O_NOATIME: no trace in the time of last access, which would be written to disk. That is for
 * the owner only, whom we are unless somebody put foreign files here.
 */
int ahead_open_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);

    return fd < 0 && errno == EPERM ? open(path, O_RDONLY | O_CLOEXEC) : fd;
}

static bool read_defer_log(struct ahead_message *message)
{
    struct buf path = BUF_INIT;

    queue_path(&path, &ring.layout, "defer", message->queue_id);
    message->log_fd = ahead_open_file(path.data);
    buf_release(&path);
    message->defer_log.count = 0;
    return message->log_fd < 0 || quick_read_log(&message->defer_log, message->log_fd);
}

static void read_message(struct ahead_message *message)
{
    message->log_fd = -1;
    message->is_quick = false;
    message->fd = ahead_open_file(message->path.data);
    if (message->fd < 0)
        return;
    if (fstat(message->fd, &message->file) < 0 || !S_ISREG(message->file.st_mode) ||
        (message->file.st_mode & MARK_READY) != MARK_READY)
        fd_close(&message->fd);
    else
        message->is_quick =
            quick_read_message(&message->message, message->fd) && read_defer_log(message);
}

/* -- the ring ---------------------------------------------------------------------------------
 */

/* Called and returns with the lock held. */
static void read_oldest(void)
{
    struct ahead_message *message = &ring.messages[ring.n_begun++ % MESSAGES];

    pthread_mutex_unlock(&ring.lock);
    read_message(message);
    pthread_mutex_lock(&ring.lock);
    message->is_read = true;
    if (ring.is_waiting)
        pthread_cond_signal(&ring.read);
}

static NORETURN void *serve(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&ring.lock);
    for (;;) {
        ring.n_idle++;
        while (ring.n_begun == ring.n_added)
            (void)pthread_cond_wait(&ring.added, &ring.lock);
        ring.n_idle--;
        read_oldest();
    }
}

/* Signals are for the first thread. Without a thread the caller reads everything. */
static void start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;

    if (pthread_attr_init(&attributes) != 0)
        return;
    (void)pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, &attributes, serve, NULL) == 0)
        ring.n_threads++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
}

static struct ahead_message *oldest(void)
{
    return ring.n_taken == ring.n_added ? NULL : &ring.messages[ring.n_taken % MESSAGES];
}

void ahead_start(const struct queue_layout *layout)
{
    ring.layout = *layout;
}

void ahead_end(void)
{
    struct ahead_message *message;

    while ((message = ahead_take())) {
        fd_close(&message->fd);
        fd_close(&message->log_fd);
    }
}

/* The one taken last is still in use. */
bool ahead_has_room(void)
{
    return ring.n_added - ring.n_taken < MESSAGES - 1;
}

void ahead_add(const struct queue_scan *scan, struct slice queue_id)
{
    struct slice path = slice_from(queue_scan_path(scan));
    struct ahead_message *message = &ring.messages[ring.n_added % MESSAGES];

    buf_set(&message->path, path);
    message->queue_id = slice_from_offset(buf_slice(&message->path), path.len - queue_id.len);
    message->is_read = false;
    pthread_mutex_lock(&ring.lock);
    ring.n_added++;
    while (ring.n_threads < THREADS && ring.n_added - ring.n_taken >= WORTH_THREADS) {
        int before = ring.n_threads;

        start_thread();
        if (ring.n_threads == before)
            break;
    }
    if (ring.n_idle > 0)
        pthread_cond_signal(&ring.added);
    pthread_mutex_unlock(&ring.lock);
}

struct ahead_message *ahead_take(void)
{
    struct ahead_message *message = oldest();

    if (!message)
        return NULL;
    pthread_mutex_lock(&ring.lock);
    while (!message->is_read) {
        if (ring.n_begun < ring.n_added) {
            read_oldest();
            continue;
        }
        ring.is_waiting = true;
        (void)pthread_cond_wait(&ring.read, &ring.lock);
        ring.is_waiting = false;
    }
    ring.n_taken++;
    pthread_mutex_unlock(&ring.lock);
    return message;
}
