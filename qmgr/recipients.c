/*
 * Reading recipients.
 */
#include "recipients.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"
#include "co/co.h"
#include "conf/params.h"
#include "place.h"

/* Others run in between. */
#define PIECE 500

/* How many recipients the mail may have in memory in addition to what there is. */
static int64_t allowance(const struct mail *mail)
{
    int64_t room = params.qmgr_message_recipient_limit - mail_recipient_count();

    LIST_FOREACH(&mail->jobs, link)
    {
        const struct transport *transport =
            CONTAINER_OF(link, struct job, mail_link)->transport;
        int64_t limit =
            transport->limits.recipients_in_memory + transport->limits.extra_recipients;

        if (limit - transport->n_recipients < room)
            room = limit - transport->n_recipients;
    }
    if (room < params.qmgr_message_recipient_minimum - (int64_t)mail->n_recipients)
        room = params.qmgr_message_recipient_minimum - (int64_t)mail->n_recipients;
    return mail->n_entries == 0 && room < 1 ? 1 : room;
}

static void wake_transports(struct mail *mail)
{
    LIST_FOREACH(&mail->jobs, link)
    {
        struct job *job = CONTAINER_OF(link, struct job, mail_link);

        if (transport_wake && job->n_entries > 0)
            transport_wake(job->transport);
    }
}

/* One piece; the number read or -1. */
static int64_t read_piece(struct mail *mail, int64_t max, struct error *error)
{
    struct batch *batch = batch_new();
    struct recipient_list list = {0};
    int64_t count = -1;

    if (message_read_recipients(&mail->message, &batch->arena, (size_t)max, &list, error) ==
        0) {
        count = (int64_t)list.count;
        mail->n_unread -= count < mail->n_unread ? count : mail->n_unread;
        batch->n_entries++; /* keeps it while its recipients are being placed */
        place_recipients(mail, batch, &list);
        batch->n_entries--;
    }
    recipient_list_release(&list);
    batch_free_if_empty(batch);
    return count;
}

/* The agents want a shared lock; ours kept other queue managers out and has done its work. */
static void let_agents_read(const struct mail *mail)
{
    if (fd_flock(mail->message.fd, FILE_LOCK_SHARED, FILE_LOCK_TRY) < 0)
        log_warning("%s: shared lock: %m", mail->id);
    co_yield();
}

int recipients_read(struct mail *mail, struct error *error)
{
    int result = 0;

    while (mail->message.next_recipient != 0 && result == 0) {
        int64_t room = allowance(mail);

        if (room <= 0)
            break;
        if (read_piece(mail, room < PIECE ? room : PIECE, error) < 0)
            result = -1;
        wake_transports(mail);
        if (mail->message.next_recipient != 0)
            let_agents_read(mail);
    }
    if (mail->message.next_recipient == 0)
        mail->n_unread = 0;
    mail->refilled_at = time_now_ms();
    return result;
}

bool recipients_run_low(const struct mail *mail)
{
    const struct transport_limits *limits;

    if (mail->message.next_recipient == 0)
        return false;
    if (mail->n_entries == 0 || list_is_empty(&mail->jobs))
        return mail->n_entries == 0;
    limits = &CONTAINER_OF(mail->jobs.head.next, struct job, mail_link)->transport->limits;
    return (int64_t)mail->n_recipients <= limits->refill_limit &&
           time_now_ms() >= mail->refilled_at + limits->refill_delay_ms;
}

void recipients_refill(struct mail *mail)
{
    struct error error = ERROR_INIT;

    mail->message.fd = queue_open(mail_layout(), "active", mail_id(mail), O_RDWR);
    if (mail->message.fd < 0) {
        if (errno != ENOENT) /* else it was deleted: nothing more to do */
            log_warning("open active %s: %m", mail->id);
        mail->message.next_recipient = 0;
        mail->deferred = true;
        return;
    }
    if (recipients_read(mail, &error) < 0) {
        log_warning("%s: reading recipients: %s", mail->id, error.text);
        mail->message.next_recipient = 0;
        mail->deferred = true;
    }
    message_close(&mail->message);
}
