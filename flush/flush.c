/*
 * flush: remembers which deferred messages wait for which destination, and has them tried at
 * once when somebody asks (ETRN, sendmail -qR, postqueue -s and -i).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "conf/params.h"
#include "ipc/client.h"
#include "ipc/flush_client.h"
#include "mail/queue_id.h"
#include "route/domains.h"
#include "route/open_maps.h"
#include "site_log.h"
#include "table/match_list.h"
#include "worker/worker.h"

/* The mode bit by which the queue manager forgets once that a destination is dead. */
#define MODE_IGNORE_DEAD S_IRGRP

static struct match_list *eligible;

static void open_lists(void)
{
    eligible = open_list("fast_flush_domains", params.fast_flush_domains,
                         domains_parents("fast_flush_domains"));
}

/* A site as mail is addressed to it: "example.com", "[192.0.2.1]", "[example.com]". */
static struct slice site_name(struct slice site)
{
    if (slice_starts_with(site, "[") && slice_ends_with(site, "]"))
        return slice_sub(site, 1, site.len - 2);
    return site;
}

static enum flush_status check_site(struct slice site)
{
    struct error error;

    if (slice_is_empty(site))
        return FLUSH_STATUS_BAD;
    switch (match_list_name(eligible, site_name(site), &error)) {
    case TABLE_FOUND:
        return FLUSH_STATUS_OK;
    case TABLE_NOT_FOUND:
        return FLUSH_STATUS_UNKNOWN;
    case TABLE_ERROR:
        log_warning("%s", error.text);
        return FLUSH_STATUS_FAIL;
    }
    return FLUSH_STATUS_FAIL;
}

/*
 * Move a message from deferred to incoming with its time stamp reset. False when it is not in
 * deferred: delivered meanwhile, or in delivery now.
 */
static bool requeue(struct slice queue_id)
{
    const struct queue_layout layout = {.hash_queue_names = params.hash_queue_names,
                                        .hash_queue_depth = params.hash_queue_depth};
    CLEANUP(fd_close) int fd = queue_open(&layout, "deferred", queue_id, O_RDONLY | O_CLOEXEC);
    struct stat file;

    if (fd < 0) {
        if (errno != ENOENT)
            log_warning("open deferred %.*s: %m", SLICE_ARG(queue_id));
        return false;
    }
    if (fstat(fd, &file) < 0 || futimens(fd, NULL) < 0 ||
        fchmod(fd, (file.st_mode & 0777) | MODE_IGNORE_DEAD) < 0)
        log_warning("update deferred %.*s: %m", SLICE_ARG(queue_id));
    if (queue_rename(&layout, queue_id, "deferred", "incoming") < 0) {
        if (errno != ENOENT)
            log_warning("rename from deferred to incoming: %.*s: %m", SLICE_ARG(queue_id));
        return false;
    }
    return true;
}

static void wake_queue_manager(void)
{
    CLEANUP(buf_release) struct buf socket = BUF_INIT;
    struct error error;

    buf_printf(&socket, "public/%s", params.queue_service_name);
    if (client_trigger(socket.data, SLICE("I"), deadline_in(params.ipc_timeout), &error) < 0)
        log_warning("%s", error.text);
}

static enum flush_status deliver_path(const char *path)
{
    struct hash ids = HASH_INIT;
    struct hash_cursor cursor = {0};
    struct slice queue_id;
    struct error error;
    size_t n_moved = 0;
    void *value;

    if (site_log_take(path, &ids, &error) < 0) {
        log_warning("%s", error.text);
        hash_release(&ids, NULL);
        return FLUSH_STATUS_FAIL;
    }
    while (hash_next(&ids, &cursor, &queue_id, &value))
        n_moved += requeue(queue_id);
    hash_release(&ids, NULL);
    if (n_moved > 0)
        wake_queue_manager();
    return FLUSH_STATUS_OK;
}

static enum flush_status deliver_site(struct slice site)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    enum flush_status status = check_site(site);

    if (status != FLUSH_STATUS_OK)
        return status;
    site_log_path(&path, site_name(site));
    return deliver_path(path.data);
}

static enum flush_status deliver_message(struct slice queue_id)
{
    if (!queue_id_is_valid(queue_id))
        return FLUSH_STATUS_BAD;
    if (requeue(queue_id))
        wake_queue_manager();
    return FLUSH_STATUS_OK;
}

static enum flush_status add_message(struct slice site, struct slice queue_id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    enum flush_status status = check_site(site);
    struct error error;

    if (status != FLUSH_STATUS_OK)
        return status;
    if (!queue_id_is_valid(queue_id))
        return FLUSH_STATUS_BAD;
    site_log_path(&path, site_name(site));
    if (site_log_add(path.data, queue_id, &error) < 0) {
        log_warning("%s", error.text);
        return FLUSH_STATUS_FAIL;
    }
    return FLUSH_STATUS_OK;
}

/* Lists not asked for in fast_flush_refresh_time are tried; those unused for long go away. */
static enum flush_status refresh(void)
{
    struct queue_scan *scan = queue_scan_open("flush");
    struct slice name;
    int result;

    if (!scan) {
        log_warning("open directory flush: %m");
        return FLUSH_STATUS_FAIL;
    }
    while ((result = queue_scan_next(scan, &name)) > 0) {
        CLEANUP(buf_release) struct buf path = BUF_INIT;
        struct stat file;
        buf_set_text(&path, "flush/");
        buf_add_slice(&path, name);
        if (stat(path.data, &file) < 0)
            continue;
        int64_t age_ms = SECONDS(time_wall_seconds() - file.st_mtime);
        if (file.st_size == 0 && age_ms > params.fast_flush_purge_time) {
            if (unlink(path.data) < 0 && errno != ENOENT)
                log_warning("remove %s: %m", path.data);
        } else if (file.st_size > 0 && age_ms > params.fast_flush_refresh_time) {
            deliver_path(path.data);
        }
    }
    if (result < 0)
        log_warning("read directory flush: %m");
    queue_scan_close(scan);
    return FLUSH_STATUS_OK;
}

static int answer(struct channel *channel, enum flush_status status)
{
    struct flush_result result = {.status = status};
    struct error error;

    return channel_send(channel, MESSAGE_flush_result, &result, &error);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    struct error error;

    union {
        struct flush_add add;
        struct flush_send_site site;
        struct flush_send_message message;
    } asked;

    if (message_decode(number, body, &asked, &error) < 0) {
        log_warning("%s", error.text);
        return -1;
    }
    switch ((int)number) {
    case MESSAGE_flush_add:
        return answer(channel, add_message(asked.add.site, asked.add.queue_id));
    case MESSAGE_flush_send_site:
        return answer(channel, deliver_site(asked.site.site));
    case MESSAGE_flush_send_message:
        return answer(channel, deliver_message(asked.message.queue_id));
    case MESSAGE_flush_refresh:
    case MESSAGE_flush_purge:
        return answer(channel, refresh());
    default:
        log_warning("unexpected request: %s", message_name(number));
        return -1;
    }
}

/* master's wake-up */
static void trigger(struct slice bytes)
{
    (void)bytes;
    refresh();
}

int main(int argc, char **argv)
{
    static const struct worker flush = {
        .name = "flush",
        .sessions_per_process = 100,
        .before_jail = open_lists,
        .request = request,
        .trigger = trigger,
    };

    return worker_main(&flush, argc, argv);
}
