/*
 * cleanup: takes messages from smtpd, pickup, bounce and local, completes and rewrites them,
 * inspects them, and makes queue files of them. What it has said yes to is on the disk.
 */
#include <stdio.h>

#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "explain.h"
#include "ipc/cleanup_client.h"
#include "ipc/qmgr_client.h"
#include "milter.h"
#include "tables.h"
#include "transaction.h"
#include "worker/worker.h"

static int answer_id(struct channel *channel, const struct transaction *transaction,
                     struct error *error)
{
    struct cleanup_queue_id answer = {
        .queue_id = slice_from(transaction->file.id),
        .arrival_seconds = transaction->file.arrival_time.tv_sec,
        .arrival_microseconds = transaction->file.arrival_time.tv_usec,
    };

    return channel_send(channel, MESSAGE_cleanup_queue_id, &answer, error);
}

static int answer_verdict(struct channel *channel, const struct transaction *transaction,
                          struct error *error)
{
    struct cleanup_result answer = {
        .status = transaction->status,
        .reason = transaction->reason,
        .dsn = transaction->dsn,
        .smtp_reply = transaction->smtp_reply,
        .milters = transaction->returned_milters,
    };

    return channel_send(channel, MESSAGE_cleanup_result, &answer, error);
}

/* 1: complete, 0: the client gave it up, -1: the connection is of no use any more. */
static int receive(struct channel *channel, struct transaction *transaction,
                   struct error *error)
{
    while (transaction->segment != SEGMENT_END) {
        struct cleanup_records frame;
        enum message_number number;
        struct slice body;

        stream_set_deadline(&channel->stream, deadline_in(params.ipc_timeout));
        if (channel_receive(channel, &number, &body, error) < 0)
            return -1;
        if (number == MESSAGE_cleanup_abort)
            return 0;
        if (number != MESSAGE_cleanup_records)
            return error_set(error, ERROR_TEMPORARY, "unexpected %s", message_name(number));
        if (message_decode(number, body, &frame, error) < 0)
            return -1;
        transaction_feed(transaction, frame.records);
    }
    return 1;
}

static int refuse(struct channel *channel, const struct error *why)
{
    struct ipc_failure failure = {.reason = slice_from(why->text)};
    struct error error;

    log_warning("%s", why->text);
    return channel_send(channel, MESSAGE_ipc_failure, &failure, &error);
}

/* Mail that comes in faster than it goes out comes in more slowly (in_flow_delay). */
static void slow_down(void)
{
    if (params.in_flow_delay > 0 && qmgr_is_behind())
        (void)co_sleep_until(deadline_in(params.in_flow_delay));
}

/* What the client would have logged, had it waited for the queue ID. */
static void log_for_client(const struct transaction *transaction,
                           const struct cleanup_request *request)
{
    char tag[128];
    int length;

    if (request->log_line.len == 0)
        return;
    length = snprintf(tag, sizeof(tag), "%.*s", SLICE_ARG(request->log_tag));
    if (length > 0)
        log_info_for(tag, (pid_t)request->log_pid, "%s: %.*s", transaction->file.id,
                     SLICE_ARG(request->log_line));
}

static int take_message(struct channel *channel, struct slice body)
{
    CLEANUP(transaction_release) struct transaction transaction;
    struct cleanup_request request;
    struct error error;
    int received;

    if (message_decode(MESSAGE_cleanup_request, body, &request, &error) < 0) {
        log_warning("%s", error.text);
        transaction = (struct transaction){.file = QUEUE_FILE_INIT};
        return -1;
    }
    slow_down();
    if (transaction_init(&transaction, (unsigned)request.flags, (int)request.send_options,
                         &error) < 0)
        return refuse(channel, &error);
    log_for_client(&transaction, &request);
    if (answer_id(channel, &transaction, &error) < 0)
        return -1;
    received = receive(channel, &transaction, &error);
    if (received <= 0) {
        log_debug(1, "%s: abandoned: %s", transaction.file.id, received < 0 ? error.text : "");
        return received;
    }
    if (milter_receive(&transaction, channel, &error) < 0) {
        log_warning("%s: %s", transaction.file.id, error.text);
        return -1;
    }
    transaction_finish(&transaction);
    return answer_verdict(channel, &transaction, &error);
}

static int request(struct channel *channel, enum message_number number, struct slice body)
{
    if (number == MESSAGE_cleanup_request)
        return take_message(channel, body);
    /* Crossed our refusal of the message that it belonged to. */
    if (number == MESSAGE_cleanup_abort || number == MESSAGE_cleanup_records)
        return 0;
    log_warning("unexpected %s message", message_name(number));
    return -1;
}

static void open_all(void)
{
    tables_open();
    milter_settings_open();
}

static const struct worker cleanup = {
    .name = "cleanup",
    .sessions_per_process = 1000,
    .before_jail = open_all,
    .request = request,
    .explain = explain,
};

int main(int argc, char **argv)
{
    return worker_main(&cleanup, argc, argv);
}
