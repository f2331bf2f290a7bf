/*
 * Who is told what.
 */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/bounce_client.h"
#include "mail/queue_id.h"
#include "mail/verp.h"
#include "notice.h"

/* What is being reported about; texts are borrowed from the request. */
struct subject {
    enum bounce_kind kind;
    const char *what; /* as the log says: "non-delivery", "delay", "delivery status" */
    struct slice queue_id, sender, envelope_id, encoding, verp_delimiters;
    int send_options, ret;
    struct entries entries;
    int fd; /* of the queue file; -1: cannot be read */
    struct message message;
};

static void subject_release(struct subject *subject)
{
    if (subject->fd >= 0)
        message_release(&subject->message);
    fd_close(&subject->fd);
}

static const struct queue_layout *layout(void)
{
    static struct queue_layout result;

    result = (struct queue_layout){params.hash_queue_names, params.hash_queue_depth};
    return &result;
}

void notify_log_path(struct buf *path, int log, struct slice queue_id)
{
    queue_path(path, layout(),
               log == BOUNCE_LOG_BOUNCE  ? "bounce"
               : log == BOUNCE_LOG_DEFER ? "defer"
                                         : "trace",
               queue_id);
}

/* A notification is sent even when the message cannot be read. */
static void open_message(struct subject *subject, struct slice queue_name)
{
    struct error error = ERROR_INIT;

    subject->fd = queue_open(layout(), queue_name.ptr, subject->queue_id, O_RDONLY);
    if (subject->fd < 0) {
        if (errno != ENOENT)
            log_warning("open %.*s %.*s: %m", SLICE_ARG(queue_name),
                        SLICE_ARG(subject->queue_id));
        return;
    }
    if (message_read_envelope(&subject->message, subject->fd, &error) < 0) {
        log_warning("%.*s: %s", SLICE_ARG(subject->queue_id), error.text);
        fd_close(&subject->fd);
    }
}

static bool is_notified(const char *class)
{
    return words_have(slice_from(params.notify_classes), slice_from(class));
}

/* The sender of notices to the postmaster; what comes back to it ends there. */
static void double_bounce_address(struct buf *address)
{
    buf_printf(address, "%s@%s", params.double_bounce_sender, params.myhostname);
}

static bool is_double_bounce(struct slice sender)
{
    CLEANUP(buf_release) struct buf address = BUF_INIT;

    double_bounce_address(&address);
    return slice_equals_nocase(sender, address.data);
}

/* The report may travel less protected than the message had to, since the way back need not be
 * the way there (RFC 8689 section 5). */
static bool is_redacted(const struct subject *subject)
{
    return params.requiretls_redact_dsn && (subject->send_options & SEND_REQUIRETLS);
}

static enum bounce_original how_much(const struct subject *subject, int ret)
{
    if (ret == RET_HEADERS)
        return BOUNCE_WITH_HEADERS;
    if (is_redacted(subject))
        return BOUNCE_WITH_HEADERS;
    if (subject->fd >= 0 && params.bounce_size_limit > 0 &&
        subject->message.envelope.content_size > params.bounce_size_limit)
        return BOUNCE_WITH_HEADERS;
    return BOUNCE_WITH_CONTENT;
}

static void compose(struct notice *notice, const struct subject *subject,
                    struct slice recipient, int ret)
{
    const struct envelope *envelope = subject->fd >= 0 ? &subject->message.envelope : NULL;
    int64_t arrival = envelope ? envelope->arrival_time.tv_sec : time_wall_seconds();

    *notice = (struct notice){
        .report =
            {
                .kind = subject->kind,
                .original = how_much(subject, ret),
                .queue_id = subject->queue_id,
                .sender = subject->sender,
                .recipient = recipient,
                .envelope_id = subject->envelope_id,
                .encoding = subject->encoding,
                .is_smtputf8 = subject->send_options & SEND_SMTPUTF8_REQUESTED,
                .tls_is_optional = params.tls_required_enable &&
                                   (subject->send_options & SEND_TLS_REQUIRED_NO) &&
                                   !(subject->send_options & SEND_REQUIRETLS),
                .arrival_time = arrival,
                .retry_until = arrival + params.maximal_queue_lifetime / 1000,
            },
        .entries = subject->entries,
        .sender = SLICE_EMPTY,
        .send_options =
            subject->send_options & ~(is_redacted(subject) ? (int)SEND_REQUIRETLS : 0),
        .message = envelope ? &subject->message : NULL,
    };
    if (envelope && params.enable_threaded_bounces)
        notice->report.message_id = envelope->message_id;
}

/* To whoever sent the message. */
static int tell_sender(const struct subject *subject, struct slice recipient, int wanted,
                       int ret, struct error *error)
{
    char id[QUEUE_ID_BYTES];
    struct notice notice;

    compose(&notice, subject, recipient, ret);
    notice.entries.wanted = wanted;
    switch (notice_post(&notice, id, error)) {
    case NOTICE_FAILED:
        return -1;
    case NOTICE_POSTED:
        log_info("%.*s: sender %s notification: %s", SLICE_ARG(subject->queue_id),
                 subject->what, id);
        break;
    case NOTICE_NOT_WANTED:
        break;
    }
    return 0;
}

static int tell_postmaster(const struct subject *subject, const char *postmaster, int ret,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf sender = BUF_INIT;
    char id[QUEUE_ID_BYTES];
    struct notice notice;

    double_bounce_address(&sender);
    compose(&notice, subject, slice_from(postmaster), ret);
    notice.report.audience = BOUNCE_TO_POSTMASTER;
    notice.sender = buf_slice(&sender);
    notice.entries.for_postmaster = true;
    switch (notice_post(&notice, id, error)) {
    case NOTICE_FAILED:
        return -1;
    case NOTICE_POSTED:
        log_info("%.*s: postmaster %s notification: %s", SLICE_ARG(subject->queue_id),
                 subject->what, id);
        break;
    case NOTICE_NOT_WANTED:
        break;
    }
    return 0;
}

/* A copy is a courtesy: its failure must not repeat the notification to the sender. */
static void copy_to_postmaster(const struct subject *subject, const char *class,
                               const char *postmaster)
{
    struct error error = ERROR_INIT;

    if (!is_notified(class) || tell_postmaster(subject, postmaster, RET_HEADERS, &error) == 0)
        return;
    log_warning("%.*s: postmaster notice failed while bouncing to %.*s: %s",
                SLICE_ARG(subject->queue_id), SLICE_ARG(subject->sender), error.text);
}

/* VERP: one notification for each recipient, to a sender that tells which. */
struct verp_run {
    const struct subject *subject;
    int wanted;
    struct error *error;
    int result;
};

static void tell_verp_sender(void *arg, const struct status_entry *entry)
{
    struct verp_run *run = arg;
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct subject one = *run->subject;
    const struct recipient *recipient = &entry->recipient;
    struct slice sender =
        verp_sender(&arena, one.verp_delimiters, one.sender,
                    recipient->original.len ? recipient->original : recipient->address);

    if (run->result < 0)
        return;
    one.entries.only = entry;
    one.entries.complete_from = NULL;
    run->result = tell_sender(&one, sender, run->wanted, one.ret, run->error);
}

static int tell_verp_senders(const struct subject *subject, struct error *error)
{
    struct verp_run run = {.subject = subject, .wanted = NOTIFY_FAILURE, .error = error};
    struct entries entries = subject->entries;

    entries.wanted = NOTIFY_FAILURE;
    if (entries_walk(&entries, tell_verp_sender, &run, error) < 0)
        return -1;
    return run.result;
}

static int notify_failure(const struct subject *subject, struct error *error)
{
    int result;

    if (is_double_bounce(subject->sender)) {
        log_warning("%.*s: undeliverable postmaster notification discarded",
                    SLICE_ARG(subject->queue_id));
        return 0;
    }
    if (subject->sender.len == 0) { /* a bounce that bounced */
        if (!is_notified("2bounce"))
            return 0;
        return tell_postmaster(subject, params.p_2bounce_notice_recipient, RET_FULL, error);
    }
    if (subject->verp_delimiters.len >= 2)
        result = tell_verp_senders(subject, error);
    else
        result = tell_sender(subject, subject->sender, NOTIFY_FAILURE, subject->ret, error);
    if (result == 0)
        copy_to_postmaster(subject, "bounce", params.bounce_notice_recipient);
    return result;
}

static int notify_delay(const struct subject *subject, struct error *error)
{
    if (is_double_bounce(subject->sender))
        return 0;
    if (subject->sender.len > 0 &&
        tell_sender(subject, subject->sender, NOTIFY_DELAY, RET_HEADERS, error) < 0)
        return -1;
    copy_to_postmaster(subject, "delay", params.delay_notice_recipient);
    return 0;
}

static int notify_trace(const struct subject *subject, unsigned flags, struct error *error)
{
    if (subject->sender.len == 0 || is_double_bounce(subject->sender)) {
        log_info("%.*s: not sending trace/success notification for %s message",
                 SLICE_ARG(subject->queue_id),
                 subject->sender.len ? "double-bounce" : "single-bounce");
        return 0;
    }
    return tell_sender(subject, subject->sender, flags & BOUNCE_ALL ? 0 : NOTIFY_SUCCESS,
                       RET_HEADERS, error);
}

static int remove_log(const char *path, struct error *error)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(error, ERROR_TEMPORARY, "remove %s: %m", path);
    return 0;
}

static const struct status_defaults bounce_defaults = {"5.0.0", "failed"};
static const struct status_defaults defer_defaults = {"4.0.0", "delayed"};
static const struct status_defaults trace_defaults = {"2.0.0", "delivered"};

/* The subject of a flush but for its open file; path becomes that of the log. */
static struct subject subject_of_flush(const struct bounce_flush *flush, struct buf *path)
{
    struct subject subject = {
        .kind = BOUNCE_FAILURE,
        .what = "non-delivery",
        .queue_id = flush->queue_id,
        .sender = flush->sender,
        .envelope_id = flush->envelope_id,
        .encoding = flush->encoding,
        .send_options = (int)flush->send_options,
        .ret = (int)flush->ret,
        .entries = {.defaults = bounce_defaults},
        .fd = -1,
    };
    int log = BOUNCE_LOG_BOUNCE;

    if (flush->flags & BOUNCE_VERP)
        subject.verp_delimiters = flush->verp_delimiters;
    if (flush->kind == BOUNCE_FLUSH_EXPIRED || flush->kind == BOUNCE_FLUSH_WARN) {
        log = BOUNCE_LOG_DEFER;
        subject.entries.defaults = defer_defaults;
    }
    if (flush->kind == BOUNCE_FLUSH_WARN) {
        subject.kind = BOUNCE_DELAY;
        subject.what = "delay";
    }
    if (flush->kind == BOUNCE_FLUSH_TRACE) {
        log = BOUNCE_LOG_TRACE;
        subject.entries.defaults = trace_defaults;
        subject.kind = flush->flags & BOUNCE_PROBE ? BOUNCE_VERIFY : BOUNCE_SUCCESS;
        subject.what = "delivery status";
    }
    notify_log_path(path, log, flush->queue_id);
    subject.entries.path = path->data;
    return subject;
}

int notify_flush(const struct bounce_flush *flush, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    CLEANUP(subject_release) struct subject subject = subject_of_flush(flush, &path);
    int result;

    open_message(&subject, flush->queue_name);
    if (flush->kind == BOUNCE_FLUSH_EXPIRED && subject.fd >= 0)
        subject.entries.complete_from = &subject.message;
    if (subject.kind == BOUNCE_FAILURE)
        result = notify_failure(&subject, error);
    else if (subject.kind == BOUNCE_DELAY)
        result = notify_delay(&subject, error);
    else
        result = notify_trace(&subject, (unsigned)flush->flags, error);
    if (result == 0 && flush->kind != BOUNCE_FLUSH_WARN)
        return remove_log(path.data, error);
    return result;
}
