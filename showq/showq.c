/*
 * showq: tells the queue's contents to whoever connects: a list of attributes for each message
 * (queue format, section 9), streamed as the directories are read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ahead.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "conf/params.h"
#include "ipc/attributes.h"
#include "mail/address.h"
#include "mail/message.h"
#include "mail/queue_id.h"
#include "mail/status_log.h"
#include "quick.h"
#include "worker/worker.h"

/* In the order of listing: a message on its way through the queues is met at its later place.
 */
static const char *const queues[] = {"maildrop", "active", "incoming", "deferred", "hold"};

enum {
    RECIPIENTS_AT_A_TIME = 1000,
    SEEN_MAX = 100000,
    BOUNCES_MAX = 10000,
    FLUSH_BYTES = 16384
};

/*
 * The logs that stand in bounce/: looking for one that is not there, for every message, would
 * take longer than keeping their names.
 */
struct bounces {
    int directory;         /* -1: not known, each log is looked for */
    struct timespec known; /* when the directory changed last, as far as we know */
    struct hash names;
    bool is_too_many;
};

/* One listing. */
struct listing {
    struct stream *out;
    struct buf text;    /* not yet given to the stream */
    struct hash seen;   /* IDs of active and incoming: they may turn up again in deferred */
    struct hash logged; /* offsets of the message's recipients that a status log named */
    struct queue_layout layout;
    struct bounces bounces;
    struct quick_list bounce_log;
    struct fd_bin done; /* files that were read */
};

/* -- bounce/ ----------------------------------------------------------------------------------
 */

static void bounces_open(struct bounces *bounces)
{
    bool is_hashed = slice_find_text(slice_from(params.hash_queue_names), SLICE("bounce")) <
                     strlen(params.hash_queue_names);

    *bounces = (struct bounces){.directory = -1, .names = HASH_INIT};
    if (!is_hashed)
        bounces->directory = open("bounce", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void bounces_release(struct bounces *bounces)
{
    fd_close(&bounces->directory);
    hash_release(&bounces->names, NULL);
}

static void read_names(struct bounces *bounces)
{
    DIR *directory = opendir("bounce");
    const struct dirent *entry;

    hash_release(&bounces->names, NULL);
    bounces->is_too_many = !directory;
    while (directory && (entry = readdir(directory))) {
        if (bounces->names.n_entries >= BOUNCES_MAX)
            bounces->is_too_many = true;
        else
            hash_set(&bounces->names, slice_from(entry->d_name), bounces);
    }
    if (directory)
        closedir(directory);
}

/* Look again if something came or went. */
static void bounces_refresh(struct bounces *bounces)
{
    struct stat status;

    if (bounces->directory < 0)
        return;
    if (fstat(bounces->directory, &status) < 0) {
        fd_close(&bounces->directory);
        return;
    }
    if (status.st_mtim.tv_sec == bounces->known.tv_sec &&
        status.st_mtim.tv_nsec == bounces->known.tv_nsec)
        return;
    bounces->known = status.st_mtim;
    read_names(bounces);
}

static bool bounces_may_have(const struct bounces *bounces, struct slice queue_id)
{
    return bounces->directory < 0 || bounces->is_too_many ||
           hash_has(&bounces->names, queue_id);
}

/* -- a message --------------------------------------------------------------------------------
 */

static int send_text(struct listing *listing)
{
    int result = stream_write_slice(listing->out, buf_slice(&listing->text));

    buf_reset(&listing->text);
    bounces_refresh(&listing->bounces);
    return result;
}

static void put_address(struct listing *listing, const char *name, struct slice address)
{
    struct buf quoted = BUF_INIT;

    address_quote(&quoted, address);
    attribute_put(&listing->text, name, buf_slice(&quoted));
    buf_release(&quoted);
}

static void put_recipient(struct listing *listing, const struct recipient *recipient,
                          const char *log_class, struct slice reason)
{
    put_address(listing, "original_recipient", recipient->original);
    put_address(listing, "recipient", recipient->address);
    attribute_put(&listing->text, "log_class", slice_from(log_class));
    attribute_put(&listing->text, "reason", reason);
}

static struct slice offset_key(const off_t *offset)
{
    return slice_of(offset, sizeof(*offset));
}

/* The recipients that a status log names, with the reason; remembered by their offset. */
static int put_logged_recipients(struct listing *listing, const char *log_class,
                                 struct slice queue_id)
{
    static const struct status_defaults defaults = {.status = "4.0.0", .action = "delayed"};
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct status_entry entry;
    struct error error;
    int result;

    queue_path(&path, &listing->layout, log_class, queue_id);
    struct status_log_reader *reader = status_log_open(path.data);
    if (!reader)
        return 0;
    do {
        struct arena arena = ARENA_INIT;
        result = status_log_next(reader, &arena, &defaults, &entry, &error);
        if (result > 0 && !hash_has(&listing->logged, offset_key(&entry.recipient.offset))) {
            put_recipient(listing, &entry.recipient, log_class, entry.dsn.reason);
            hash_set(&listing->logged, offset_key(&entry.recipient.offset), listing);
        }
        arena_release(&arena);
        if (listing->text.len > FLUSH_BYTES && send_text(listing) < 0)
            result = -1;
    } while (result > 0);
    status_log_close(reader);
    return listing->out->state == STREAM_OK ? 0 : -1;
}

/* Those that no log named: not yet tried. */
static int put_other_recipients(struct listing *listing, struct message *message)
{
    struct recipient_list list = {0};
    struct error error;
    int result = 0;

    do {
        struct arena arena = ARENA_INIT;
        list.count = 0;
        result = message_read_recipients(message, &arena, RECIPIENTS_AT_A_TIME, &list, &error);
        for (size_t i = 0; result == 0 && i < list.count; i++)
            if (!list.items[i].done &&
                !hash_has(&listing->logged, offset_key(&list.items[i].offset)))
                put_recipient(listing, &list.items[i], "", SLICE_EMPTY);
        arena_release(&arena);
        if (result == 0 && listing->text.len > FLUSH_BYTES)
            result = send_text(listing);
    } while (result == 0 && message->next_recipient);
    recipient_list_release(&list);
    return listing->out->state == STREAM_OK ? 0 : -1;
}

static void put_message(struct listing *listing, const char *queue,
                        const struct ahead_message *ahead, struct slice sender, int64_t size,
                        int64_t arrival)
{
    const struct stat *file = &ahead->file;

    attribute_put(&listing->text, "queue_name", slice_from(queue));
    attribute_put(&listing->text, "queue_id", ahead->queue_id);
    attribute_put_number(&listing->text, "time", arrival > 0 ? arrival : file->st_mtime);
    attribute_put_number(&listing->text, "size", size > 0 ? size : file->st_size);
    attribute_put_number(&listing->text, "forced_expire", (file->st_mode & S_IXGRP) != 0);
    if (slice_is_empty(sender))
        attribute_put(&listing->text, "sender", SLICE("MAILER-DAEMON"));
    else
        put_address(listing, "sender", sender);
}

static bool read_bounce_log(struct listing *listing, struct slice queue_id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    listing->bounce_log.count = 0;
    if (!bounces_may_have(&listing->bounces, queue_id))
        return true;
    queue_path(&path, &listing->layout, "bounce", queue_id);
    int fd = ahead_open_file(path.data);
    bool is_quick = fd < 0 || quick_read_log(&listing->bounce_log, fd);
    fd_bin_add(&listing->done, fd);
    return is_quick;
}

static bool has_offset(const struct quick_list *log, size_t count, off_t offset)
{
    for (size_t i = 0; i < count; i++) {
        if (log->items[i].offset == offset)
            return true;
    }
    return false;
}

static void put_quick_log(struct listing *listing, const char *log_class,
                          const struct quick_list *log, const struct quick_list *before)
{
    for (size_t i = 0; i < log->count; i++) {
        const struct quick_recipient *recipient = &log->items[i];

        if (has_offset(log, i, recipient->offset) ||
            (before && has_offset(before, before->count, recipient->offset)))
            continue;
        attribute_put(&listing->text, "original_recipient", recipient->original);
        attribute_put(&listing->text, "recipient", recipient->address);
        attribute_put(&listing->text, "log_class", slice_from(log_class));
        attribute_put(&listing->text, "reason", recipient->reason);
    }
}

/* False: it is not of the common kind, and nothing was told about it. */
static bool show_quick(struct listing *listing, const char *queue,
                       const struct ahead_message *ahead)
{
    const struct quick_message *message = &ahead->message;

    if (!ahead->is_quick || !read_bounce_log(listing, ahead->queue_id))
        return false;
    put_message(listing, queue, ahead, message->sender, message->size, message->arrival);
    put_quick_log(listing, "defer", &ahead->defer_log, NULL);
    put_quick_log(listing, "bounce", &listing->bounce_log, &ahead->defer_log);
    for (size_t i = 0; i < message->recipients.count; i++) {
        const struct quick_recipient *item = &message->recipients.items[i];
        struct recipient recipient = {.address = item->address, .original = item->original};

        if (!has_offset(&ahead->defer_log, ahead->defer_log.count, item->offset) &&
            !has_offset(&listing->bounce_log, listing->bounce_log.count, item->offset))
            put_recipient(listing, &recipient, "", SLICE_EMPTY);
    }
    attribute_end(&listing->text);
    return true;
}

/* -1 only when the reader has gone: a message that cannot be read is left out, with a warning.
 */
static int show_thoroughly(struct listing *listing, const char *queue,
                           const struct ahead_message *ahead)
{
    struct slice queue_id = ahead->queue_id;
    struct message message;
    struct error error;
    int result = 0;

    if (message_read_envelope(&message, ahead->fd, &error) < 0) {
        log_warning("%s: %.*s: %s", queue, SLICE_ARG(queue_id), error.text);
        return 0;
    }
    const struct envelope *envelope = &message.envelope;
    put_message(listing, queue, ahead, envelope->sender,
                envelope->data_size > 0 ? envelope->data_size : envelope->content_size,
                envelope->arrival_time.tv_sec);
    if (!slice_equals(slice_from(queue), "maildrop")) {
        result = put_logged_recipients(listing, "defer", queue_id) < 0 ||
                         put_logged_recipients(listing, "bounce", queue_id) < 0
                     ? -1
                     : 0;
    }
    if (result == 0)
        result = put_other_recipients(listing, &message);
    attribute_end(&listing->text);
    message_release(&message);
    return result;
}

static int show_message(struct listing *listing, const char *queue,
                        const struct ahead_message *ahead)
{
    int result = 0;

    /* Without a file it is gone, or still being written. */
    if (ahead->fd >= 0 && !show_quick(listing, queue, ahead))
        result = show_thoroughly(listing, queue, ahead);
    fd_bin_add(&listing->done, ahead->fd);
    fd_bin_add(&listing->done, ahead->log_fd);
    if (listing->logged.n_entries > 0)
        hash_release(&listing->logged, NULL);
    return result;
}

static bool is_seen(struct listing *listing, const char *queue, struct slice queue_id)
{
    if (hash_has(&listing->seen, queue_id))
        return true;
    if (*queue != 'd' && *queue != 'h' && listing->seen.n_entries < SEEN_MAX)
        hash_set(&listing->seen, queue_id, listing);
    return false;
}

/* Name the next messages for reading while there is room. False: there are no more. */
static bool look_ahead(struct listing *listing, const char *queue, struct queue_scan *scan)
{
    while (ahead_has_room()) {
        struct slice queue_id;
        int result = queue_scan_next(scan, &queue_id);

        if (result < 0)
            log_warning("read directory %s: %m", queue);
        if (result <= 0)
            return false;
        if (!is_seen(listing, queue, queue_id))
            ahead_add(scan, queue_id);
    }
    return true;
}

static int show_queue(struct listing *listing, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    const struct ahead_message *message;
    bool has_more = true;
    int sent = 0;

    if (!scan) {
        log_warning("open directory %s: %m", queue);
        return 0;
    }
    do {
        has_more = has_more && look_ahead(listing, queue, scan);
        message = ahead_take();
        if (message)
            sent = show_message(listing, queue, message);
        if (sent == 0 && listing->text.len > FLUSH_BYTES)
            sent = send_text(listing);
    } while (sent == 0 && message);
    queue_scan_close(scan);
    return sent;
}

/* Each message leaves at once while the list is short, so the first line is there early. */
static void serve(struct worker_client *client)
{
    static struct listing listing; /* one at a time, and too much for a stack */

    listing.out = &client->stream;
    buf_init(&listing.text);
    listing.seen = listing.logged = HASH_INIT;
    listing.layout = (struct queue_layout){.hash_queue_names = params.hash_queue_names,
                                           .hash_queue_depth = params.hash_queue_depth};
    ahead_start(&listing.layout);
    bounces_open(&listing.bounces);
    bounces_refresh(&listing.bounces);
    stream_set_deadline(&client->stream, deadline_in(params.ipc_timeout));
    attribute_put(&listing.text, "protocol", SLICE("mail_queue_list_protocol"));
    attribute_end(&listing.text);
    for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
        stream_set_deadline(&client->stream, deadline_in(params.ipc_timeout));
        if (show_queue(&listing, queues[i]) < 0)
            break;
    }
    attribute_end(&listing.text);
    if (client->stream.state == STREAM_OK &&
        (send_text(&listing) < 0 || stream_flush(&client->stream) < 0))
        log_debug(1, "the reader has gone: %s", stream_trouble(&client->stream));
    buf_release(&listing.text);
    hash_release(&listing.seen, NULL);
    hash_release(&listing.logged, NULL);
    bounces_release(&listing.bounces);
    ahead_end();
    fd_bin_empty(&listing.done);
}

int main(int argc, char **argv)
{
    static const struct worker showq = {
        .name = "showq",
        /* Reading a million files blocks: one listing a process. */
        .sessions_per_process = 1,
        .serve = serve,
    };

    return worker_main(&showq, argc, argv);
}
