/* Sending back what was refused. */
#include "refuse.h"

#include "base/log.h"
#include "base/time.h"
#include "conf/params.h"
#include "ipc/bounce_client.h"
#include "mail/delivery_line.h"

static void log_recipient(const struct transaction *transaction,
                          const struct recipient *recipient, const struct dsn *dsn)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct delivery_times times = {.incoming = transaction->arrival_time};
    struct delivery_report report = {
        .queue_id = slice_from(transaction->file.id),
        .recipient = recipient,
        .relay = SLICE("none"),
        .times = &times,
        .status = "bounced",
        .dsn = dsn,
    };

    delivery_line(&line, &report, params.delay_logging_resolution_limit);
    log_info("%s", line.data);
}

static int bounce_recipient(struct transaction *transaction, const struct recipient *recipient,
                            struct slice status, struct slice reason, struct error *error)
{
    struct status_entry entry = {
        .recipient = *recipient,
        .dsn = {.action = "failed", .reason = reason},
    };

    if (!dsn_status_parse(status, entry.dsn.status, &(struct slice){0}))
        memcpy(entry.dsn.status, "5.0.0", sizeof("5.0.0"));
    if (bounce_append_entry(BOUNCE_LOG_BOUNCE, slice_from(transaction->file.id), &entry, 0,
                            deadline_in(params.ipc_timeout), error) < 0)
        return -1;
    log_recipient(transaction, recipient, &entry.dsn);
    return 0;
}

/* The queue file has the recipients; for the notification it need not be complete. */
static int bounce_all(struct transaction *transaction, struct slice status, struct slice reason,
                      struct error *error)
{
    CLEANUP(recipient_list_release) struct recipient_list list = {0};
    CLEANUP(message_release) struct message message = {0};

    if (message_read_envelope(&message, transaction->file.fd, error) < 0 ||
        message_read_recipients(&message, &transaction->arena, SIZE_MAX, &list, error) < 0)
        return -1;
    if (list.count == 0) {
        struct recipient unknown = {.address = SLICE("unknown")};

        if (bounce_recipient(transaction, &unknown, status, reason, error) < 0)
            return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (!list.items[i].done &&
            bounce_recipient(transaction, &list.items[i], status, reason, error) < 0)
            return -1;
    }
    if (transaction->status & CLEANUP_STATUS_CONTENT)
        message.envelope.ret = RET_HEADERS; /* what was refused goes nowhere */
    struct bounce_notice notice = {.kind = BOUNCE_FLUSH_BOUNCE,
                                   .queue_name = transaction->file.queue,
                                   .queue_id = slice_from(transaction->file.id)};
    return bounce_flush_log(&notice, &message.envelope, deadline_in(params.ipc_timeout), error);
}

void transaction_bounce(struct transaction *transaction)
{
    const struct cleanup_status_detail *detail = cleanup_status_detail(transaction->status);
    struct slice status = slice_from(detail->dsn), reason = slice_from(detail->text);
    struct error error;

    if ((transaction->status & CLEANUP_STATUS_CONTENT) && transaction->reason.len) {
        status = transaction->dsn;
        reason = transaction->reason;
    }
    if (transaction_write_all(transaction, &error) < 0 ||
        bounce_all(transaction, status, reason, &error) < 0) {
        log_warning("%s: bounce message failure: %s", transaction->file.id, error.text);
        transaction_fail(transaction, CLEANUP_STATUS_WRITE);
        return;
    }
    transaction->status = CLEANUP_STATUS_OK;
}
