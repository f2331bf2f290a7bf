#include "rings.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"

/* More processes than that have no ring to be looked at: somebody makes them up. */
#define RINGS_MOST 10000

struct source {
    struct list_link link;
    struct log_ring ring;
    ino_t inode; /* which ring it is */
    pid_t owner;
    int process;   /* pidfd of the owner */
    int64_t found; /* where the last look got to */
    bool has_ended;
    bool is_watched; /* by a coroutine, which frees what was forgotten under it */
    bool is_forgotten;
};

static struct list sources = {{&sources.head, &sources.head}};
static size_t n_sources;
static bool is_attending, is_finishing;
static struct co_queue waiting;

static void forget(struct source *source)
{
    list_remove(&source->link);
    n_sources--;
    log_ring_release(&source->ring);
    if (source->process >= 0)
        co_forget_fd(source->process);
    fd_close(&source->process);
    source->is_forgotten = true;
    if (!source->is_watched)
        mem_free(source);
}

/* A ring outlives its writer by one look. */
static void watch_owner(void *arg)
{
    struct source *source = arg;

    /* A ring that is not sound may be forgotten before we run, or while our waking is due. */
    bool has_ended = !source->is_forgotten && !is_finishing &&
                     co_wait_fd(source->process, EPOLLIN, DEADLINE_NONE) == WAKE_READY;

    source->is_watched = false;
    if (source->is_forgotten) {
        mem_free(source);
    } else if (has_ended) {
        source->has_ended = true;
        rings_attend();
    }
}

static struct source *source_of(struct list_link *link)
{
    return CONTAINER_OF(link, struct source, link);
}

static bool is_known(ino_t inode)
{
    LIST_FOREACH(&sources, link)
    {
        if (source_of(link)->inode == inode)
            return true;
    }
    return false;
}

/* What its owner wrote before it made another is still read. */
static void retire_ring_of(pid_t owner)
{
    LIST_FOREACH(&sources, link)
    {
        if (source_of(link)->owner == owner)
            source_of(link)->has_ended = true;
    }
}

static void add_source(int fd, ino_t inode, pid_t sender)
{
    struct source *source = mem_new(struct source);

    if (log_ring_open(&source->ring, fd, &source->owner) < 0) {
        log_warning("a log ring that is none was refused");
        mem_free(source);
        return;
    }
    source->inode = inode;
    if (sender > 0)
        source->owner = sender;
    retire_ring_of(source->owner);
    source->process = (int)syscall(SYS_pidfd_open, source->owner, 0);
    list_append(&sources, &source->link);
    n_sources++;
    source->is_watched = source->process >= 0 && co_spawn("owner", watch_owner, source);
    if (!source->is_watched)
        source->has_ended = true; /* it has ended, or rings again when it has something */
}

void rings_add(int fd, pid_t sender)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || is_known(status.st_ino) || n_sources >= RINGS_MOST)
        fd_close(&fd);
    else
        add_source(fd, status.st_ino, sender);
    rings_attend();
}

bool rings_wait(void)
{
    if (!is_attending && !is_finishing)
        (void)co_wait(&waiting, DEADLINE_NONE);
    return !is_finishing;
}

static void say(bool attending)
{
    is_attending = attending;
    LIST_FOREACH(&sources, link)
    log_ring_attend(&source_of(link)->ring, attending);
}

void rings_attend(void)
{
    say(true);
    co_wake_all(&waiting);
}

void rings_leave(void)
{
    say(false);
}

static int by_time(const void *a, const void *b)
{
    const struct log_ring_line *one = a, *other = b;

    if (one->when != other->when)
        return one->when < other->when ? -1 : 1;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

size_t rings_look(struct buf *texts, struct buf *lines)
{
    /*
     * A line is in its ring before the call that logged it returns. So a line from before now
     * has all those that led to it before it, whichever ring they are in.
     */
    int64_t until = time_now_ns();

    LIST_FOREACH(&sources, link)
    {
        struct source *source = source_of(link);

        if (!log_ring_is_empty(&source->ring))
            source->found = log_ring_look(&source->ring, until, texts, lines);
        else
            source->found = 0;
    }
    size_t n = lines->len / sizeof(struct log_ring_line);

    qsort(lines->data, n, sizeof(struct log_ring_line), by_time);
    return n;
}

void rings_take(void)
{
    LIST_FOREACH(&sources, link)
    {
        struct source *source = source_of(link);

        if (source->found < 0)
            log_warning("process %d: its log ring is not sound", (int)source->owner);
        else if (source->found > 0)
            log_ring_take(&source->ring, source->found);
        log_ring_attend(&source->ring, is_attending);
        if (source->found < 0 || source->has_ended)
            forget(source);
    }
}

void rings_finish(void)
{
    is_finishing = true;
    co_wake_all(&waiting);
    LIST_FOREACH(&sources, link)
    {
        if (source_of(link)->process >= 0)
            co_forget_fd(source_of(link)->process);
    }
}
