/*
 * The durable-accept ceiling of a file system: how many 4 KB messages a second N threads can
 * make safe.
 *
 *   ceiling MODE DIR THREADS SECONDS
 *
 * MODE file     create, write, fsync, rename, unlink: one file a message
 *      data     the same with fdatasync
 *      none     the same without any sync
 *      reuse    overwrite a file of each thread's own, fdatasync
 *      journal  append to one log, one fdatasync for each group of waiting threads (group
 *               commit)
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE        4096
#define LOG_BYTES   ((size_t)256 * 1024 * 1024)
#define THREADS_MAX 256

static const char *mode, *dir;
static atomic_bool is_over;
static char block[SIZE];

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int fd;
    int is_syncing;
    unsigned long written, synced; /* records */
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = -1};

static double now(void)
{
    struct timespec time;

    if (clock_gettime(CLOCK_MONOTONIC, &time) < 0)
        err(1, "clock_gettime");
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void write_block(int fd, off_t offset)
{
    if (pwrite(fd, block, SIZE, offset) != SIZE)
        err(1, "write");
}

static void one_file(const char *temporary, const char *final)
{
    int fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY, 0600);

    if (fd < 0)
        err(1, "open %s", temporary);
    write_block(fd, 0);
    if (strcmp(mode, "file") == 0 && fsync(fd) < 0)
        err(1, "fsync");
    if (strcmp(mode, "data") == 0 && fdatasync(fd) < 0)
        err(1, "fdatasync");
    if (rename(temporary, final) < 0 || close(fd) < 0 || unlink(final) < 0)
        err(1, "%s", final);
}

/* Sync for all that have written so far; the lock is held before and after. */
static void sync_journal(void)
{
    unsigned long upto = journal.written;

    journal.is_syncing = 1;
    pthread_mutex_unlock(&journal.lock);
    if (fdatasync(journal.fd) < 0)
        err(1, "fdatasync");
    pthread_mutex_lock(&journal.lock);
    journal.is_syncing = 0;
    journal.synced = upto;
    pthread_cond_broadcast(&journal.changed);
}

static void one_record(void)
{
    pthread_mutex_lock(&journal.lock);
    unsigned long mine = ++journal.written;

    write_block(journal.fd, (off_t)(mine * SIZE % LOG_BYTES));
    while (journal.synced < mine) {
        if (journal.is_syncing)
            pthread_cond_wait(&journal.changed, &journal.lock);
        else
            sync_journal();
    }
    pthread_mutex_unlock(&journal.lock);
}

static void overwrite(int fd)
{
    write_block(fd, 0);
    if (fdatasync(fd) < 0)
        err(1, "fdatasync");
}

struct worker {
    pthread_t thread;
    long number, count;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    char temporary[4096], final[4096];
    int fd = -1;

    snprintf(temporary, sizeof(temporary), "%s/tmp.%ld", dir, worker->number);
    snprintf(final, sizeof(final), "%s/final.%ld", dir, worker->number);
    if (strcmp(mode, "reuse") == 0) {
        fd = open(temporary, O_CREAT | O_WRONLY, 0600);
        if (fd < 0)
            err(1, "%s", temporary);
    }
    while (!is_over) {
        if (fd >= 0)
            overwrite(fd);
        else if (strcmp(mode, "journal") == 0)
            one_record();
        else
            one_file(temporary, final);
        worker->count++;
    }
    if (fd >= 0 && unlink(temporary) < 0)
        warn("%s", temporary);
    return NULL;
}

static void make_log(const char *path)
{
    static char zero[1024 * 1024];

    journal.fd = open(path, O_CREAT | O_RDWR, 0600);
    if (journal.fd < 0)
        err(1, "%s", path);
    for (size_t i = 0; i < LOG_BYTES / sizeof(zero); i++) {
        if (write(journal.fd, zero, sizeof(zero)) != (ssize_t)sizeof(zero))
            err(1, "%s", path);
    }
    if (fsync(journal.fd) < 0)
        err(1, "%s", path);
}

static long run(long n_threads, unsigned seconds)
{
    static struct worker workers[THREADS_MAX];
    long total = 0;

    for (long i = 0; i < n_threads; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            errx(1, "no thread");
    }
    sleep(seconds);
    is_over = 1;
    for (long i = 0; i < n_threads; i++) {
        if (pthread_join(workers[i].thread, NULL) != 0)
            errx(1, "lost a thread");
        total += workers[i].count;
    }
    return total;
}

int main(int argc, char **argv)
{
    char log_path[4096];
    long n_threads = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    long seconds = argc == 5 ? strtol(argv[4], NULL, 10) : 0;

    if (n_threads < 1 || n_threads > THREADS_MAX || seconds < 1)
        errx(2, "usage: %s file|data|none|reuse|journal DIR THREADS SECONDS", argv[0]);
    mode = argv[1];
    dir = argv[2];
    memset(block, 'X', SIZE);
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    if (strcmp(mode, "journal") == 0)
        make_log(log_path);

    double start = now();
    long total = run(n_threads, (unsigned)seconds);

    printf("%.0f\n", (double)total / (now() - start));
    if (journal.fd >= 0 && unlink(log_path) < 0)
        warn("%s", log_path);
    return 0;
}
