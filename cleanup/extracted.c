/* Writing the extracted segment. */
#include "extracted.h"

#include "base/log.h"
#include "conf/params.h"
#include "edit.h"
#include "envelope.h"
#include "recipients.h"

void extracted_record(struct transaction *transaction, char type, struct slice data)
{
    if (memchr(data.ptr, '\0', data.len) || slice_find_any(data, "\r\n") < data.len) {
        log_warning("%s: control characters in extracted record", transaction->file.id);
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
        return;
    }
    if (recipient_record(transaction, type, data))
        return;
    switch (type) {
    case RECORD_FILTER: /* an access table of smtpd wants so; pickup lets none pass */
    case RECORD_REDIRECT:
        put(transaction, type, data);
        return;
    case RECORD_ATTRIBUTE: /* only what belongs to recipients is taken from here */
    case RECORD_RETURN_RECEIPT:
    case RECORD_ERRORS_TO:
    case RECORD_FULL_NAME:
    case RECORD_PRIORITY:
    case RECORD_POINTER:
    case RECORD_KILLED:
        return;
    default:
        log_warning("%s: unexpected record type %d in extracted segment", transaction->file.id,
                    type);
        transaction_fail(transaction, CLEANUP_STATUS_BAD);
    }
}

/* What the checks and the headers decided stands in front of the recipients. */
static void write_findings(struct transaction *transaction)
{
    if (transaction->filter.len)
        put(transaction, RECORD_FILTER, transaction->filter);
    if (transaction->redirect.len)
        put(transaction, RECORD_REDIRECT, transaction->redirect);
    if (transaction->content.message_id.len)
        put_attribute(transaction, "message_id", transaction->content.message_id);
    if (transaction->encoding.len)
        put_attribute(transaction, "encoding", transaction->encoding);
}

void extracted_begin(struct transaction *transaction)
{
    put(transaction, RECORD_EXTRACTED, SLICE_EMPTY);
    write_findings(transaction);
}

void extracted_end(struct transaction *transaction)
{
    if ((transaction->flags & CLEANUP_BCC) && transaction->last_recipient.len &&
        *params.always_bcc)
        recipient_put_bcc(transaction, slice_from(params.always_bcc));
    for (const struct bcc *bcc = transaction->bccs; bcc; bcc = bcc->next)
        recipient_put_bcc(transaction, bcc->address);
    transaction->bccs = NULL;
    transaction->last_bcc = &transaction->bccs;
    if (transaction->has_milters)
        transaction->end_slot = edit_slot(transaction);
    transaction->end_offset = queue_file_offset(&transaction->file);
    put(transaction, RECORD_END, SLICE_EMPTY);
}
