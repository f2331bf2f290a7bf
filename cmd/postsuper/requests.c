/*
 * Deleting, holding, releasing, requeueing and expiring messages.
 *
 * The mail system may be running: a message can move on at any moment. Each step is one rename,
 * unlink or chmod that either finds the message where we saw it or does nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/progress.h"
#include "postsuper.h"

#define ID_LINE_MAX  1024
#define MODE_READY   0700 /* all of it: the file is complete */
#define MODE_EXPIRED 0010 /* expire it at the next delivery attempt */

#define MESSAGES_A_LOOK 64 /* into the directories of logs */

/* Looked at twice: a message that was on its way from one queue to another is found then. */
#define FIND_ATTEMPTS 2

const char *const log_queues[LOG_QUEUES] = {"bounce", "defer", "trace"};

static const struct {
    const char *did, *total;
    const char *queues[6]; /* where it applies, in the order of the search */
} verbs[VERBS] = {
    [VERB_REQUEUE] = {"requeued", "Requeued", {"hold", "incoming", "active", "deferred"}},
    [VERB_DELETE] = {"removed",
                     "Deleted",
                     {"hold", "incoming", "active", "deferred", "maildrop"}},
    [VERB_EXPIRE] = {"expired", "Force-expired", {"hold", "incoming", "active", "deferred"}},
    [VERB_HOLD] = {"placed on hold", "Placed on hold", {"incoming", "active", "deferred"}},
    [VERB_RELEASE] = {"released from hold", "Released from hold", {"hold"}},
};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && names[i]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* True when the verb works on the queue, and the arguments do not leave it out. */
static bool applies(const struct superintendent *superintendent, enum verb verb,
                    const char *queue)
{
    const struct queues *queues = &superintendent->queues;

    return is_among(queue, verbs[verb].queues, ARRAY_SIZE(verbs[verb].queues)) &&
           (!queues->given || is_among(queue, queues->names, queues->count));
}

/* The file's mode; -1 when it is not (or no longer) a complete message. */
static int message_mode(const char *path)
{
    struct stat status;

    if (lstat(path, &status) < 0) {
        if (errno != ENOENT)
            log_warning("%s: %m", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode) || (status.st_mode & MODE_READY) != MODE_READY)
        return -1;
    return (int)(status.st_mode & 07777);
}

static void remove_logs(const struct superintendent *superintendent, struct slice id)
{
    for (size_t i = 0; i < LOG_QUEUES; i++) {
        if (superintendent->has_no_logs[i])
            continue;
        if (queue_remove(&superintendent->layout, log_queues[i], id) < 0 && errno != ENOENT)
            log_warning("remove file %s/%.*s: %m", log_queues[i], SLICE_ARG(id));
    }
}

/* True when it could be done, false when the message is no longer there. */
static bool delete_message(const struct superintendent *superintendent, const char *queue,
                           struct slice id)
{
    /* The logs go first: without the message nobody would ever look for them. */
    remove_logs(superintendent, id);
    if (queue_remove(&superintendent->layout, queue, id) == 0)
        return true;
    if (errno != ENOENT)
        log_warning("remove file %s/%.*s: %m", queue, SLICE_ARG(id));
    return false;
}

static bool move_message(const struct superintendent *superintendent, const char *queue,
                         struct slice id, const char *to)
{
    if (queue_rename(&superintendent->layout, id, queue, to) == 0)
        return true;
    if (errno != ENOENT)
        log_warning("rename file %.*s from %s to %s: %m", SLICE_ARG(id), queue, to);
    return false;
}

static bool expire_message(const struct superintendent *superintendent, const char *queue,
                           struct slice id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    int mode;

    queue_path(&path, &superintendent->layout, queue, id);
    mode = message_mode(path.data);
    if (mode < 0 || (mode & MODE_EXPIRED))
        return false;
    if (chmod(path.data, (mode_t)(mode | MODE_EXPIRED)) == 0)
        return true;
    if (errno != ENOENT)
        log_warning("change the mode of %s: %m", path.data);
    return false;
}

/* Do it to the message in that queue and count it. False: it is not there. */
static bool perform(struct superintendent *superintendent, enum verb verb, const char *queue,
                    struct slice id)
{
    bool done = false;

    switch (verb) {
    case VERB_REQUEUE:
        done = move_message(superintendent, queue, id, "maildrop");
        break;
    case VERB_DELETE:
        done = delete_message(superintendent, queue, id);
        break;
    case VERB_EXPIRE:
        done = expire_message(superintendent, queue, id);
        break;
    case VERB_HOLD:
        done = move_message(superintendent, queue, id, "hold");
        break;
    case VERB_RELEASE:
        done = move_message(superintendent, queue, id, "deferred");
        break;
    case VERBS:
        bug_if(true);
    }
    superintendent->totals.done[verb] += done;
    return done;
}

/* Look for the message where the verb applies. */
static void find_and_perform(struct superintendent *superintendent, enum verb verb,
                             struct slice id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    for (int attempt = 0; attempt < FIND_ATTEMPTS; attempt++) {
        for (size_t i = 0; verbs[verb].queues[i]; i++) {
            const char *queue = verbs[verb].queues[i];

            if (!applies(superintendent, verb, queue))
                continue;
            queue_path(&path, &superintendent->layout, queue, id);
            if (message_mode(path.data) < 0 || !perform(superintendent, verb, queue, id))
                continue;
            log_info("%.*s: %s", SLICE_ARG(id), verbs[verb].did);
            return;
        }
    }
}

void request_one(struct superintendent *superintendent, enum verb verb, struct slice id)
{
    if (!queue_id_is_valid(id)) {
        log_warning("invalid mail queue id: %.*s", SLICE_ARG(id));
        return;
    }
    if (verb == VERB_EXPIRE_AND_RELEASE) {
        find_and_perform(superintendent, VERB_EXPIRE, id);
        verb = VERB_RELEASE;
    }
    find_and_perform(superintendent, verb, id);
}

void request_from_stdin(struct superintendent *superintendent, enum verb verb)
{
    char line[ID_LINE_MAX];

    while (fgets(line, sizeof(line), stdin)) {
        struct slice rest = slice_from(line);

        request_one(superintendent, verb, slice_split(&rest, '\n'));
    }
    if (ferror(stdin))
        fatal(1, "read standard input: %m");
}

/* All that was asked for, for one message. What moves it away ends it. */
static void perform_all(struct superintendent *superintendent, const bool wanted[VERBS + 1],
                        const char *queue, struct slice id)
{
    static const enum verb moves[] = {VERB_DELETE, VERB_REQUEUE, VERB_HOLD};

    bool both = wanted[VERB_EXPIRE_AND_RELEASE];

    if ((wanted[VERB_EXPIRE] || both) && applies(superintendent, VERB_EXPIRE, queue))
        perform(superintendent, VERB_EXPIRE, queue, id);
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        if (wanted[moves[i]] && applies(superintendent, moves[i], queue)) {
            perform(superintendent, moves[i], queue, id);
            return;
        }
    }
    if ((wanted[VERB_RELEASE] || both) && applies(superintendent, VERB_RELEASE, queue))
        perform(superintendent, VERB_RELEASE, queue, id);
}

/* Remove all files of a directory that holds no messages. */
static void empty_log_queue(const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct slice name;
    int result;

    if (!scan)
        fatal(1, "open directory %s: %m", queue);
    while ((result = queue_scan_next(scan, &name)) > 0) {
        if (unlink(queue_scan_path(scan)) < 0 && errno != ENOENT)
            log_warning("remove file %s: %m", queue_scan_path(scan));
    }
    if (result < 0)
        fatal(1, "read directory %s: %m", queue);
    queue_scan_close(scan);
}

/* "-d ALL" with the name of such a directory. */
static void empty_log_queues(const struct queues *queues)
{
    static const char *const names[] = {"bounce", "defer", "trace", "flush"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (queues->given && is_among(names[i], queues->names, queues->count))
            empty_log_queue(names[i]);
    }
}

static bool is_empty_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    if (!directory)
        return false;
    do {
        entry = readdir(directory);
    } while (entry && entry->d_name[0] == '.');
    closedir(directory);
    return !entry;
}

/*
 * Most messages have no log in bounce or trace. Looking once in a while spares removing each;
 * the mail system may make one in between, as it may after we have looked for just that one.
 */
static void look_for_logs(struct superintendent *superintendent, unsigned long n_messages)
{
    for (size_t i = 0; i < LOG_QUEUES && n_messages % MESSAGES_A_LOOK == 0; i++)
        superintendent->has_no_logs[i] = is_empty_directory(log_queues[i]);
}

static void scan_queue(struct superintendent *superintendent, const bool wanted[VERBS + 1],
                       const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct progress progress;
    unsigned long n_messages = 0;
    struct slice id;
    int result;

    if (!scan)
        fatal(1, "open directory %s: %m", queue);
    progress_begin(&progress, "messages");
    while ((result = queue_scan_next(scan, &id)) > 0) {
        look_for_logs(superintendent, n_messages++);
        progress_step(&progress);
        if (message_mode(queue_scan_path(scan)) >= 0)
            perform_all(superintendent, wanted, queue, id);
    }
    progress_end(&progress);
    memset(superintendent->has_no_logs, 0, sizeof(superintendent->has_no_logs));
    if (result < 0)
        fatal(1, "read directory %s: %m", queue);
    queue_scan_close(scan);
}

void request_all(struct superintendent *superintendent, const bool wanted[VERBS + 1])
{
    static const char *const queues[] = {"hold", "incoming", "active", "deferred", "maildrop"};

    for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
        bool any = false;

        for (int verb = 0; verb < VERBS; verb++) {
            bool is_wanted = wanted[verb] || (wanted[VERB_EXPIRE_AND_RELEASE] &&
                                              (verb == VERB_EXPIRE || verb == VERB_RELEASE));

            any |= is_wanted && applies(superintendent, (enum verb)verb, queues[i]);
        }
        if (any)
            scan_queue(superintendent, wanted, queues[i]);
    }
    if (wanted[VERB_DELETE])
        empty_log_queues(&superintendent->queues);
}

void report_totals(const struct totals *totals)
{
    for (int verb = 0; verb < VERBS; verb++) {
        unsigned long n = totals->done[verb];

        if (totals->wanted[verb])
            log_info("%s: %lu message%s", verbs[verb].total, n, n == 1 ? "" : "s");
    }
}
