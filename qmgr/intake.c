/*
 * Taking a message into the active queue: open, lock, rename, read, queue its recipients.
 */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "finish.h"
#include "ipc/delivery_client.h"
#include "mail.h"
#include "mail/address.h"
#include "recipients.h"
#include "removal.h"

/* Mode bits of a queue file (queue format, section 2). */
#define MODE_COMPLETE        0700
#define MODE_IGNORES_TROUBLE 0040
#define MODE_FORCE_EXPIRED   0010

bool intake_met_busy_file;

static bool is_due(const struct intake *intake, const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || (status->st_mode & 0700) != MODE_COMPLETE)
        return false;
    return intake->ignores_time || status->st_mtime <= time_wall_seconds() + 1;
}

static int open_file(const struct intake *intake, struct slice id)
{
    int fd = queue_open(mail_layout(), intake->queue, id, O_RDWR);

    if (fd < 0 && errno != ENOENT)
        log_warning("open %s %.*s: %m", intake->queue, SLICE_ARG(id));
    return fd;
}

/* The descriptor of a due file with its lock held; -1. */
static int open_due(const struct intake *intake, struct slice id, struct stat *status)
{
    int fd;

    /* Most of a large deferred queue is not due: it costs one call a file. */
    if (stat(intake->path, status) < 0 || !is_due(intake, status))
        return -1;
    fd = open_file(intake, id);
    if (fd < 0)
        return -1;
    if (fstat(fd, status) == 0 && is_due(intake, status)) {
        if (fd_flock(fd, FILE_LOCK_EXCLUSIVE, FILE_LOCK_TRY) == 0)
            return fd;
        log_info("%.*s: skipped, still being delivered", SLICE_ARG(id));
        intake_met_busy_file = true;
    }
    fd_close(&fd);
    return -1;
}

static int delivery_flags(const struct envelope *envelope)
{
    int flags = 0;

    if (envelope->trace_flags & TRACE_PROBE)
        flags |= DELIVERY_FLAG_VERIFY;
    if (envelope->trace_flags & TRACE_EXPAND_ONLY)
        flags |= DELIVERY_FLAG_EXPAND;
    if (envelope->trace_flags & TRACE_RECORD)
        flags |= DELIVERY_FLAG_RECORD;
    if (params.confirm_delay_cleared && envelope->warn_time < 0)
        flags |= DELIVERY_FLAG_DELAY_CLEARED;
    return flags;
}

static void log_active(const struct mail *mail)
{
    CLEANUP(buf_release) struct buf sender = BUF_INIT;

    address_quote(&sender, mail->message.envelope.sender);
    log_info("%s: from=<%s>, size=%lld, nrcpt=%lld (queue active)", mail->id, sender.data,
             (long long)mail->message.envelope.data_size,
             (long long)mail->message.envelope.n_recipients);
}

static void progress(void *mail)
{
    mail_progress(mail);
}

/* Read the recipients; what remains to be done for the mail is done elsewhere. */
static void queue_recipients(struct mail *mail)
{
    struct error error = ERROR_INIT;

    mail->busy = true;
    if (recipients_read(mail, &error) < 0) {
        log_warning("%s: reading recipients: %s", mail->id, error.text);
        mail->message.next_recipient = 0;
        mail->deferred = true;
    }
    message_close(&mail->message);
    mail->busy = false;
    if (mail->n_entries == 0 && !co_spawn("finish", progress, mail))
        mail_progress(mail); /* no stack: then the others wait */
}

static void turn_away(struct mail *mail, const struct error *error)
{
    log_warning("%s: %s", mail->id, error->text);
    if (error->kind == ERROR_PERMANENT)
        finish_corrupt(mail_id(mail));
    else
        finish_put_back(mail_id(mail), "deferred", params.minimal_backoff_time);
    message_close(&mail->message);
    mail_free(mail);
}

/* It is in the active queue: read it, and have it delivered. */
static void admit(struct mail *mail)
{
    struct error error = ERROR_INIT;
    int fd = mail->message.fd;

    if (message_read_envelope(&mail->message, fd, &error) < 0) {
        mail->message.fd = fd;
        turn_away(mail, &error);
        return;
    }
    mail->active_since = time_wall();
    mail_set_flags(mail, delivery_flags(&mail->message.envelope));
    mail->n_unread = mail->message.envelope.n_recipients;
    log_active(mail);
    if (mail->deferred) /* returned as it is */
        mail->message.next_recipient = 0;
    queue_recipients(mail);
}

static void admit_without_log(struct mail *mail, int error_number)
{
    errno = error_number;
    if (error_number != 0 && error_number != ENOENT)
        log_warning("%s: remove defer log: %m", mail->id);
    admit(mail);
}

bool intake_take(const struct intake *intake, struct slice id)
{
    struct stat status = {0};
    struct mail *mail;
    /* What cleanup has just announced is complete, and was never anybody's. */
    int fd = intake->path ? open_due(intake, id, &status) : open_file(intake, id);

    if (fd < 0)
        return false;
    if (queue_rename(mail_layout(), id, intake->queue, "active") < 0) {
        if (errno != ENOENT)
            log_error("%.*s: rename from %s to active: %m", SLICE_ARG(id), intake->queue);
        fd_close(&fd);
        return false;
    }
    mail = mail_new(id);
    mail->message.fd = fd;
    mail->force_expired = status.st_mode & MODE_FORCE_EXPIRED;
    mail->ignores_trouble = intake->ignores_trouble || (status.st_mode & MODE_IGNORES_TROUBLE);
    /*
     * The log of the attempt before this one goes, but for a message that is to be returned
     * without another attempt, whose log tells why. A new message has none.
     */
    bool has_log = intake->path && queue_file_exists("defer", id);

    mail->deferred = has_log && mail->force_expired;
    if (has_log && !mail->deferred)
        removal_of(mail, "defer", admit_without_log);
    else
        admit(mail);
    return true;
}

void intake_recover(void)
{
    struct queue_scan *scan = queue_scan_open("active");
    struct slice id;
    int result;

    if (!scan) {
        log_error("open directory active: %m");
        return;
    }
    while ((result = queue_scan_next(scan, &id)) > 0) {
        if (queue_rename(mail_layout(), id, "active", "incoming") < 0)
            log_error("%.*s: rename from active to incoming: %m", SLICE_ARG(id));
    }
    if (result < 0)
        log_error("read directory active: %m");
    queue_scan_close(scan);
}
