/* Copying a maildrop file to cleanup. */
#include "submission.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "ipc/cleanup_client.h"
#include "mail/address.h"
#include "mail/record.h"
#include "mail/record_reader.h"

#define COMMITTED_MODE 0700
#define CHUNK_BYTES    65536

/* What users may say in each segment (queue format, section 4), and what requeued files may. */
static const char envelope_types[] = "CTFSRAVcILOW>Kionp<D/";
static const char content_types[] = "LNpw";
static const char extracted_types[] = "ERAOPreFILK>onpD/";

struct submission {
    const char *path; /* "maildrop/..." */
    const char *id;   /* in the queue to be */
    struct stat status;
    bool is_requeued; /* by postsuper -r: it has been through here before */
    struct record_reader reader;
    struct cleanup_client cleanup;
    struct buf sender;
    bool has_sender, has_arrival_time, has_content;
};

static void release(struct submission *submission)
{
    record_reader_release(&submission->reader);
    cleanup_client_release(&submission->cleanup);
    buf_release(&submission->sender);
}

static enum submission_end malformed(const struct submission *submission, const char *what)
{
    log_warning("%s: uid %ld: %s", submission->id, (long)submission->status.st_uid, what);
    return SUBMISSION_MALFORMED;
}

static enum submission_end later(const struct submission *submission, const char *what)
{
    log_warning("%s: %s", submission->id, what);
    return SUBMISSION_LATER;
}

static enum submission_end not_written(const struct submission *submission, const char *what)
{
    log_warning("%s: error writing %s: %s", submission->path, submission->id, what);
    return SUBMISSION_LATER;
}

/* Sixth field of a C record: what "sendmail -O" asked for. */
static int send_options(struct slice size_record)
{
    struct slice rest = size_record, word = SLICE_EMPTY;
    int64_t value;

    for (int i = 0; i < 6; i++)
        word = slice_word(&rest, " ");
    return word.len && slice_to_int(word, 0, 63, &value) ? (int)value : 0;
}

/* An attribute that says something of this delivery, not of the message's former life. */
static bool is_dsn_attribute(struct slice data)
{
    return slice_starts_with(data, "notify_flags=") ||
           slice_starts_with(data, "dsn_orig_rcpt=");
}

static void put_arrival_time(struct submission *submission)
{
    if (submission->has_arrival_time)
        return;
    submission->has_arrival_time = true;
    cleanup_printf(&submission->cleanup, RECORD_TIME, "%ld %ld",
                   (long)submission->status.st_mtim.tv_sec,
                   submission->status.st_mtim.tv_nsec / 1000);
}

static void envelope_record(struct submission *submission, const struct record *record)
{
    struct cleanup_client *cleanup = &submission->cleanup;

    switch (record->type) {
    case RECORD_SIZE:
    case RECORD_CREATE_TIME:
    case RECORD_WARN_TIME:
    case RECORD_FILTER: /* content_filter is applied anew */
    case RECORD_KILLED:
    case RECORD_POINTER:
        return;
    case RECORD_TIME:
        if (submission->has_arrival_time)
            return;
        submission->has_arrival_time = true;
        break;
    case RECORD_SENDER:
        put_arrival_time(submission);
        buf_set(&submission->sender, record->data);
        submission->has_sender = true;
        break;
    default:
        break;
    }
    cleanup_put(cleanup, record->type, record->data);
}

static void content_record(struct submission *submission, const struct record *record)
{
    struct cleanup_client *cleanup = &submission->cleanup;

    if (record->type == RECORD_POINTER || record->type == RECORD_PADDING)
        return;
    /* Text that begins with white space would continue our Received: header. */
    if (!submission->has_content && !submission->is_requeued && record->data.len &&
        ascii_is_space(record->data.ptr[0]))
        cleanup_put(cleanup, RECORD_LINE, SLICE_EMPTY);
    submission->has_content = true;
    cleanup_put(cleanup, record->type, record->data);
}

static void extracted_record(struct submission *submission, const struct record *record)
{
    if (strchr("LF>reIKp", record->type) ||
        (record->type == RECORD_ATTRIBUTE && !is_dsn_attribute(record->data)))
        return;
    cleanup_put(&submission->cleanup, record->type, record->data);
}

/* "Received: by HOST (MAIL_NAME, from userid N)" */
static void put_received(struct submission *submission)
{
    struct cleanup_client *cleanup = &submission->cleanup;

    cleanup_printf(cleanup, RECORD_LINE, "Received: by %s (%s, from userid %ld)",
                   params.myhostname, params.mail_name, (long)submission->status.st_uid);
    cleanup_put_id_and_date(cleanup, time_wall_seconds());
}

static void log_submission(struct submission *submission)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "uid=%ld from=<", (long)submission->status.st_uid);
    if (slice_equals(slice_from(params.info_log_address_format), "internal"))
        buf_add_slice(&line, buf_slice(&submission->sender));
    else
        address_quote(&line, buf_slice(&submission->sender));
    buf_add_char(&line, '>');
    if (submission->is_requeued)
        buf_printf(&line, " orig_id=%s", submission->id);
    cleanup_log(&submission->cleanup, buf_slice(&line));
}

enum segment { ENVELOPE, CONTENT, EXTRACTED };

static const struct {
    const char *types;
    char end;
} segments[] = {
    [ENVELOPE] = {envelope_types, RECORD_MESSAGE},
    [CONTENT] = {content_types, RECORD_EXTRACTED},
    [EXTRACTED] = {extracted_types, RECORD_END},
};

/* Copy up to the record that ends the segment. */
static enum submission_end copy_segment(struct submission *submission, enum segment segment)
{
    struct error error;
    struct record record;
    int found;

    while ((found = record_reader_next(&submission->reader, &record, &error)) > 0) {
        if (submission->cleanup.failed)
            return SUBMISSION_DONE; /* cleanup_finish says why */
        if (record.type == segments[segment].end)
            return SUBMISSION_DONE;
        if (!strchr(segments[segment].types, record.type))
            return malformed(submission, "unexpected record type");
        if (segment == ENVELOPE)
            envelope_record(submission, &record);
        else if (segment == EXTRACTED)
            extracted_record(submission, &record);
        else
            content_record(submission, &record);
    }
    if (found < 0 && error.kind == ERROR_TEMPORARY)
        return later(submission, error.text);
    return malformed(submission, found < 0 ? error.text : "unexpected end of file");
}

static enum submission_end copy(struct submission *submission)
{
    struct cleanup_client *cleanup = &submission->cleanup;
    enum submission_end end;

    if (*params.content_filter)
        cleanup_put(cleanup, RECORD_FILTER, slice_from(params.content_filter));
    end = copy_segment(submission, ENVELOPE);
    if (end != SUBMISSION_DONE || cleanup->failed)
        return end;
    if (!submission->has_sender)
        return malformed(submission, "no sender");
    log_submission(submission);
    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
    if (!submission->is_requeued)
        put_received(submission);
    end = copy_segment(submission, CONTENT);
    if (end != SUBMISSION_DONE || cleanup->failed)
        return end;
    cleanup_put(cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    end = copy_segment(submission, EXTRACTED);
    if (end == SUBMISSION_DONE)
        cleanup_put(cleanup, RECORD_END, SLICE_EMPTY);
    return end;
}

/* Cleanup bounces by itself what it can; what is left is trouble, or cannot be helped. */
static enum submission_end verdict(struct submission *submission)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const unsigned hopeless = CLEANUP_STATUS_BAD | CLEANUP_STATUS_NO_RECIPIENT;
    struct cleanup_result_texts result;
    struct error error;

    if (cleanup_finish(&submission->cleanup, &arena, &result, &error) < 0)
        return not_written(submission, error.text);
    if (cleanup_status_detail(result.status)->text == NULL)
        return SUBMISSION_DONE;
    if (result.status & hopeless)
        return malformed(submission, cleanup_status_detail(result.status)->text);
    /* A filter wants it later, or tables make no sense: cleanup has logged it. */
    if (result.smtp_reply.len || result.reason.len)
        return SUBMISSION_LATER;
    return not_written(submission, cleanup_status_detail(result.status)->text);
}

/* The options of the C record stand in cleanup's request. */
static int read_send_options(struct submission *submission)
{
    struct record record;
    struct error error;
    int options = 0;

    if (record_reader_next(&submission->reader, &record, &error) > 0 &&
        record.type == RECORD_SIZE)
        options = send_options(record.data);
    record_reader_seek(&submission->reader, 0);
    return options;
}

static enum submission_end forward(struct submission *submission)
{
    static char service[128];
    deadline_t until = deadline_in(params.ipc_timeout);
    unsigned flags =
        CLEANUP_BOUNCE | cleanup_content_flags() | cleanup_smtputf8_flag("sendmail");
    enum submission_end end;

    /* Milters saw it when it came in; what they would now be told of its client is not true. */
    if (submission->is_requeued)
        flags &= ~(unsigned)CLEANUP_MILTER;
    (void)snprintf(service, sizeof(service), "public/%s", params.cleanup_service_name);
    cleanup_open(&submission->cleanup, service, flags, read_send_options(submission), until);
    end = copy(submission);
    return end == SUBMISSION_DONE ? verdict(submission) : end;
}

enum submission_end submission_forward(const char *path, struct slice queue_id)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP(release)
    struct submission submission = {.cleanup = {.records = BUF_INIT}, .sender = BUF_INIT};
    struct stat *status = &submission.status;

    submission.path = path;
    submission.id = queue_id.ptr;
    record_reader_init(&submission.reader, fd, 0, CHUNK_BYTES);
    if (fd < 0 || fstat(fd, status) < 0) {
        /* A file without its mode, or that was removed meanwhile. */
        if (errno != ENOENT && errno != EACCES)
            log_warning("open %s: %m", path);
        return SUBMISSION_NOT_READY;
    }
    if (!S_ISREG(status->st_mode)) {
        log_warning("%s: uid %ld: not a regular file", path, (long)status->st_uid);
        return SUBMISSION_NOT_READY;
    }
    if ((status->st_mode & COMMITTED_MODE) != COMMITTED_MODE)
        return SUBMISSION_NOT_READY;
    submission.is_requeued = status->st_uid == geteuid() && !(status->st_mode & S_IROTH);
    return forward(&submission);
}
