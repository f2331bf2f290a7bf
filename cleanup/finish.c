/* The end of a message: committed to the queue, bounced, or forgotten. */
#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "ipc/bounce_client.h"
#include "ipc/qmgr_client.h"
#include "milter.h"
#include "refuse.h"
#include "transaction.h"

/* The C record at the start, with the numbers that are now known (queue format, section 5). */
static int write_size_record(struct transaction *transaction, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    long content_bytes = (long)(transaction->extracted_offset - transaction->content_offset);

    buf_printf(&text, SIZE_RECORD_FORMAT, content_bytes, (long)transaction->content_offset,
               (long)transaction->n_recipients, (long)transaction->qmgr_flags, content_bytes,
               (long)transaction->send_options);
    return queue_file_patch(&transaction->file, (off_t)record_header_bytes(text.len),
                            buf_slice(&text), error);
}

int transaction_write_all(struct transaction *transaction, struct error *error)
{
    if (write_size_record(transaction, error) < 0)
        return -1;
    return queue_file_flush(&transaction->file, error);
}

static int commit(struct transaction *transaction, struct error *error)
{
    struct queue_layout layout = queue_layout();

    if (write_size_record(transaction, error) < 0)
        return -1;
    if ((transaction->flags & CLEANUP_HOLD) &&
        queue_file_move(&transaction->file, &layout, "hold", error) < 0)
        return -1;
    return queue_file_commit(&transaction->file, 0700, error);
}

static void announce(const struct transaction *transaction)
{
    static struct buf service = BUF_INIT; /* composed once */

    if (service.len == 0)
        buf_printf(&service, "public/%s", params.queue_service_name);
    qmgr_announce(service.data, slice_from(transaction->file.id));
}

void transaction_finish(struct transaction *transaction)
{
    struct error error;

    if (transaction->segment != SEGMENT_END)
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
    if (transaction->status == CLEANUP_STATUS_OK && !(transaction->flags & CLEANUP_DISCARD) &&
        transaction->n_recipients == 0)
        transaction_fail(transaction, CLEANUP_STATUS_NO_RECIPIENT);
    milter_inspect(transaction);
    if (transaction->status != CLEANUP_STATUS_OK) {
        if (transaction_may_bounce(transaction))
            transaction_bounce(transaction);
        return;
    }
    if (transaction->flags & CLEANUP_DISCARD)
        return;
    if (commit(transaction, &error) < 0) {
        transaction_write_failed(transaction, &error);
        return;
    }
    if (!(transaction->flags & CLEANUP_HOLD))
        announce(transaction);
}
