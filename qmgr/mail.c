/*
 * Messages in the active queue, and how many there are.
 */
#include "mail.h"

#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "conf/params.h"
#include "ipc/delivery_client.h"
#include "job.h"

static int64_t n_mails;
static int64_t n_recipients;
static int64_t n_probes;

const struct queue_layout *mail_layout(void)
{
    static struct queue_layout layout;

    layout = (struct queue_layout){params.hash_queue_names, params.hash_queue_depth};
    return &layout;
}

bool queue_file_exists(const char *queue, struct slice id)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    queue_path(&path, mail_layout(), queue, id);
    return access(path.data, F_OK) == 0;
}

struct mail *mail_new(struct slice id)
{
    struct mail *mail = mem_new(struct mail);

    mail->id = slice_dup(id);
    mail->message.fd = -1;
    list_init(&mail->jobs);
    n_mails++;
    return mail;
}

void mail_free(struct mail *mail)
{
    bug_if(mail->n_entries > 0);
    job_free_all(mail);
    mail_add_recipients(mail, -(int64_t)mail->n_recipients);
    if (mail->flags & DELIVERY_FLAG_VERIFY)
        n_probes--;
    message_release(&mail->message);
    mem_free(mail->id);
    mem_free(mail);
    n_mails--;
}

void mail_set_flags(struct mail *mail, int flags)
{
    mail->flags = flags;
    if (flags & DELIVERY_FLAG_VERIFY)
        n_probes++;
}

int64_t mail_probe_count(void)
{
    return n_probes;
}

struct slice mail_id(const struct mail *mail)
{
    return slice_from(mail->id);
}

bool mail_is_verp(const struct mail *mail)
{
    return mail->message.envelope.verp_delimiters.len >= 2 &&
           mail->message.envelope.sender.len > 0;
}

int64_t mail_count(void)
{
    return n_mails;
}

int64_t mail_recipient_count(void)
{
    return n_recipients;
}

void mail_add_recipients(struct mail *mail, int64_t count)
{
    mail->n_recipients = (size_t)((int64_t)mail->n_recipients + count);
    n_recipients += count;
}

bool mail_has_room(void)
{
    return n_mails < params.qmgr_message_active_limit &&
           n_recipients < params.qmgr_message_recipient_limit;
}

bool mail_has_room_for_retries(void)
{
    int64_t limit = params.qmgr_message_active_limit;

    return mail_has_room() && n_mails < limit - limit / 10;
}
