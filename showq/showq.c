/*
 * showq: tells the queue's contents to whoever connects: a list of attributes for each message
 * (queue format, section 9), streamed as the directories are read.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
#include "worker/worker.h"

/* In the order of listing: a message on its way through the queues is met at its later place.
 */
static const char *const queues[] = {"maildrop", "active", "incoming", "deferred", "hold"};

enum { RECIPIENTS_AT_A_TIME = 1000, SEEN_MAX = 100000, FLUSH_BYTES = 16384, MARK_READY = 0700 };

/* One listing. */
struct listing {
    struct stream *out;
    struct buf text;    /* not yet given to the stream */
    struct hash seen;   /* IDs of active and incoming: they may turn up again in deferred */
    struct hash logged; /* offsets of the message's recipients that a status log named */
    struct queue_layout layout;
};

static int send_text(struct listing *listing)
{
    int result = stream_write_slice(listing->out, buf_slice(&listing->text));

    buf_reset(&listing->text);
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

static void put_message(struct listing *listing, const char *queue, struct slice queue_id,
                        const struct stat *file, const struct envelope *envelope)
{
    int64_t size = envelope->data_size > 0 ? envelope->data_size : envelope->content_size;
    int64_t arrival = envelope->arrival_time.tv_sec;

    attribute_put(&listing->text, "queue_name", slice_from(queue));
    attribute_put(&listing->text, "queue_id", queue_id);
    attribute_put_number(&listing->text, "time", arrival > 0 ? arrival : file->st_mtime);
    attribute_put_number(&listing->text, "size", size > 0 ? size : file->st_size);
    attribute_put_number(&listing->text, "forced_expire", (file->st_mode & S_IXGRP) != 0);
    if (slice_is_empty(envelope->sender))
        attribute_put(&listing->text, "sender", SLICE("MAILER-DAEMON"));
    else
        put_address(listing, "sender", envelope->sender);
}

/* -1 only when the reader has gone: a message that cannot be read is left out, with a warning.
 */
static int show_message(struct listing *listing, const char *queue, struct slice queue_id)
{
    CLEANUP(fd_close)
    int fd = queue_open(&listing->layout, queue, queue_id, O_RDONLY | O_CLOEXEC);
    struct message message;
    struct stat file;
    struct error error;
    int result = 0;

    if (fd < 0 || fstat(fd, &file) < 0 || !S_ISREG(file.st_mode) ||
        (file.st_mode & MARK_READY) != MARK_READY)
        return 0; /* gone, or still being written */
    if (message_read_envelope(&message, fd, &error) < 0) {
        log_warning("%s: %.*s: %s", queue, SLICE_ARG(queue_id), error.text);
        return 0;
    }
    put_message(listing, queue, queue_id, &file, &message.envelope);
    if (!slice_equals(slice_from(queue), "maildrop")) {
        result = put_logged_recipients(listing, "defer", queue_id) < 0 ||
                         put_logged_recipients(listing, "bounce", queue_id) < 0
                     ? -1
                     : 0;
    }
    if (result == 0)
        result = put_other_recipients(listing, &message);
    attribute_end(&listing->text);
    hash_release(&listing->logged, NULL);
    message_release(&message);
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

static int show_queue(struct listing *listing, const char *queue)
{
    struct queue_scan *scan = queue_scan_open(queue);
    struct slice queue_id;
    int result, sent = 0;

    if (!scan) {
        log_warning("open directory %s: %m", queue);
        return 0;
    }
    while (sent == 0 && (result = queue_scan_next(scan, &queue_id)) != 0) {
        if (result < 0) {
            log_warning("read directory %s: %m", queue);
            break;
        }
        if (is_seen(listing, queue, queue_id))
            continue;
        sent = show_message(listing, queue, queue_id);
        if (sent == 0 && listing->text.len > FLUSH_BYTES)
            sent = send_text(listing);
    }
    queue_scan_close(scan);
    return sent;
}

/* Each message leaves at once while the list is short, so the first line is there early. */
static void serve(struct worker_client *client)
{
    struct listing listing = {
        .out = &client->stream,
        .text = BUF_INIT,
        .seen = HASH_INIT,
        .logged = HASH_INIT,
        .layout = {.hash_queue_names = params.hash_queue_names,
                   .hash_queue_depth = params.hash_queue_depth},
    };

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
