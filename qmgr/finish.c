/*
 * The end of an attempt.
 */
#include "finish.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "ipc/bounce_client.h"
#include "ipc/delivery_client.h"
#include "mail/address.h"
#include "recipients.h"
#include "removal.h"

/* Bits 1 to 4 of the C record's flags: some recipient's NOTIFY. */
#define SOME_NOTIFY_SUCCESS (NOTIFY_SUCCESS << 1)

#define MODE_CORRUPT 0400 /* set by an agent that could not read the content */

/* Requests whose trace log is reported as a whole. */
#define REPORTS_ALL (DELIVERY_FLAG_RECORD | DELIVERY_FLAG_EXPAND | DELIVERY_FLAG_DELAY_CLEARED)

void (*finish_made_room)(void);

void finish_corrupt(struct slice id)
{
    log_warning("saving corrupt file \"%.*s\" from queue \"active\" to queue \"corrupt\"",
                SLICE_ARG(id));
    if (queue_rename(mail_layout(), id, "active", "corrupt") < 0)
        log_error("%.*s: rename from active to corrupt: %m", SLICE_ARG(id));
}

void finish_put_back(struct slice id, const char *queue, int64_t delay_ms)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    time_t when = (time_t)(time_wall_seconds() + delay_ms / 1000);
    struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

    queue_path(&path, mail_layout(), "active", id);
    if (utimensat(AT_FDCWD, path.data, times, 0) < 0 && errno != ENOENT)
        log_warning("%s: update time stamps: %m", path.data);
    if (queue_rename(mail_layout(), id, "active", queue) < 0 && errno != ENOENT)
        log_warning("%.*s: rename from active to %s: %m", SLICE_ARG(id), queue);
}

static unsigned notification_flags(const struct mail *mail)
{
    unsigned flags = 0;

    if (mail_is_verp(mail) && !params.disable_verp_bounces)
        flags |= BOUNCE_VERP;
    if (mail->flags & (DELIVERY_FLAG_EXPAND | DELIVERY_FLAG_RECORD)) /* sendmail -bv, -v */
        flags |= BOUNCE_PROBE;
    if (mail->flags & REPORTS_ALL)
        flags |= BOUNCE_ALL;
    return flags;
}

/* Ask for a notification; false (said in the log) when that must be done again later. */
static bool notify(const struct mail *mail, enum bounce_flush_kind kind, const char *service)
{
    struct bounce_notice notice = {.kind = kind,
                                   .flags = notification_flags(mail),
                                   .queue_name = "active",
                                   .queue_id = mail_id(mail)};
    struct error error = ERROR_INIT;

    if (bounce_flush_log(&notice, &mail->message.envelope, deadline_in(params.ipc_timeout),
                         &error) == 0)
        return true;
    log_warning("%s: %s service failure: %s", mail->id, service, error.text);
    return false;
}

static bool is_expired(const struct mail *mail)
{
    const struct envelope *envelope = &mail->message.envelope;
    int64_t lifetime_ms =
        envelope->sender.len ? params.maximal_queue_lifetime : params.bounce_queue_lifetime;

    return mail->force_expired ||
           time_wall_seconds() >= envelope->create_time + lifetime_ms / 1000;
}

static void log_expired(const struct mail *mail)
{
    CLEANUP(buf_release) struct buf sender = BUF_INIT;

    address_quote(&sender, mail->message.envelope.sender);
    log_info("%s: from=<%s>, status=%s, returned to sender", mail->id, sender.data,
             mail->force_expired ? "force-expired" : "expired");
}

/* One change of the queue file; trouble is said in the log and means a second notification. */
static void update_file(const struct mail *mail, int (*update)(int fd, off_t offset),
                        off_t offset)
{
    CLEANUP(fd_close) int fd = queue_open(mail_layout(), "active", mail_id(mail), O_RDWR);

    if (fd < 0 || update(fd, offset) < 0)
        log_warning("%s: update queue file: %m", mail->id);
}

static void warn_of_delay(struct mail *mail)
{
    const struct envelope *envelope = &mail->message.envelope;

    if (envelope->warn_time <= 0 || time_wall_seconds() < envelope->warn_time - 1)
        return;
    if (notify(mail, BOUNCE_FLUSH_WARN, params.defer_service_name))
        update_file(mail, message_clear_warning, envelope->warn_offset);
}

/* What recipients were deferred for: the last word, or a delay warning. */
static void look_after_deferred(struct mail *mail)
{
    if (!is_expired(mail)) {
        warn_of_delay(mail);
        return;
    }
    log_expired(mail);
    if (notify(mail, BOUNCE_FLUSH_EXPIRED, params.defer_service_name))
        mail->deferred = false;
}

static void report_trace(struct mail *mail)
{
    const struct envelope *envelope = &mail->message.envelope;

    if (!(mail->flags &
          (DELIVERY_FLAG_RECORD | DELIVERY_FLAG_EXPAND | DELIVERY_FLAG_DELAY_CLEARED)) &&
        !(envelope->qmgr_flags & SOME_NOTIFY_SUCCESS))
        return;
    if (!queue_file_exists("trace", mail_id(mail)))
        return;
    if (!notify(mail, BOUNCE_FLUSH_TRACE, params.trace_service_name))
        mail->deferred = true;
    else if (envelope->trace_flags_offset > 0 && mail->deferred)
        update_file(mail, message_kill_record, envelope->trace_flags_offset);
}

static int64_t backoff_ms(const struct mail *mail)
{
    int64_t age_ms = SECONDS(time_wall_seconds() - mail->message.envelope.create_time);

    if (age_ms > params.maximal_backoff_time)
        age_ms = params.maximal_backoff_time;
    return age_ms < params.minimal_backoff_time ? params.minimal_backoff_time : age_ms;
}

static bool was_found_corrupt(const struct mail *mail)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    struct stat status;

    queue_path(&path, mail_layout(), "active", mail_id(mail));
    return stat(path.data, &status) == 0 && (status.st_mode & 07777) == MODE_CORRUPT;
}

static void end(struct mail *mail)
{
    mail_free(mail);
    if (finish_made_room)
        finish_made_room();
}

static void end_removed(struct mail *mail, int error_number)
{
    errno = error_number;
    if (error_number != 0)
        log_warning("remove %s from active: %m", mail->id);
    else
        log_info("%s: removed", mail->id);
    end(mail);
}

static void dispose(struct mail *mail)
{
    if (!mail->deferred) {
        removal_of(mail, "active", end_removed);
        return;
    }
    finish_put_back(mail_id(mail), "deferred", backoff_ms(mail));
    end(mail);
}

static void finish(struct mail *mail)
{
    if (mail->deferred && was_found_corrupt(mail)) {
        finish_corrupt(mail_id(mail));
        end(mail);
        return;
    }
    if (queue_file_exists("bounce", mail_id(mail)) &&
        !notify(mail, BOUNCE_FLUSH_BOUNCE, params.bounce_service_name))
        mail->deferred = true;
    if (mail->deferred)
        look_after_deferred(mail);
    report_trace(mail);
    dispose(mail);
}

void mail_progress(struct mail *mail)
{
    if (mail->busy) /* whoever is at it looks again when it is done */
        return;
    mail->busy = true;
    while (recipients_run_low(mail))
        recipients_refill(mail);
    mail->busy = false;
    if (mail->n_entries == 0) {
        mail->busy = true;
        finish(mail);
    }
}
