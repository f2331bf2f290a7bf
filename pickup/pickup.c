/*
 * pickup: feeds the mail that local users dropped into the maildrop directory to cleanup.
 *
 * Several files are under way at once, since each waits for the disk: cleanup answers when it
 * has the message for good.
 */
#include <errno.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "co/co.h"
#include "conf/params.h"
#include "mail/queue_id.h"
#include "submission.h"
#include "worker/worker.h"

/* More would not make the disk faster. */
#define PARALLEL_MAX 20

struct job {
    char *id;
    char *path;
};

static struct hash under_way = HASH_INIT; /* id -> struct job */
static struct co_queue job_ended;

static void set_aside(const struct job *job)
{
    struct queue_layout layout = {params.hash_queue_names, params.hash_queue_depth};

    if (queue_rename(&layout, slice_from(job->id), "maildrop", "corrupt") < 0)
        log_warning("rename %s to corrupt: %m", job->path);
    else
        log_warning("%s: saved as corrupt/%s", job->id, job->id);
}

static void run(void *arg)
{
    struct job *job = arg;

    switch (submission_forward(job->path, slice_from(job->id))) {
    case SUBMISSION_DONE:
        if (unlink(job->path) < 0 && errno != ENOENT)
            log_warning("remove %s: %m", job->path);
        break;
    case SUBMISSION_MALFORMED:
        set_aside(job);
        break;
    case SUBMISSION_LATER:
    case SUBMISSION_NOT_READY:
    default:
        break;
    }
    (void)hash_remove(&under_way, slice_from(job->id));
    mem_free(job->id);
    mem_free(job->path);
    mem_free(job);
    co_wake_all(&job_ended);
}

/* False when no more can be begun for now. */
static bool begin(struct slice id, const char *path)
{
    struct job *job = mem_new(struct job);

    job->id = slice_dup(id);
    job->path = mem_dup_text(path);
    (void)hash_set(&under_way, id, job);
    if (!co_self() || !co_spawn("submission", run, job))
        run(job);
    while (under_way.n_entries >= PARALLEL_MAX) {
        if (co_wait(&job_ended, DEADLINE_NONE) != WAKE_READY)
            return false;
    }
    return true;
}

static void scan(struct slice bytes)
{
    struct queue_scan *scan = queue_scan_open("maildrop");
    struct slice id;
    int found;

    (void)bytes;
    if (!scan) {
        log_warning("open directory maildrop: %m");
        return;
    }
    while ((found = queue_scan_next(scan, &id)) > 0 && !worker_is_draining()) {
        if (!hash_has(&under_way, id) && !begin(id, queue_scan_path(scan)))
            break;
    }
    if (found < 0)
        log_warning("read directory maildrop: %m");
    queue_scan_close(scan);
}

static const struct worker pickup = {
    .name = "pickup",
    .sessions_per_process = PARALLEL_MAX,
    .limits_processes = true,
    .trigger = scan,
};

int main(int argc, char **argv)
{
    return worker_main(&pickup, argc, argv);
}
