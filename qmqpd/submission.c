#include "submission.h"

#include <string.h>

#include "base/arena.h"
#include "base/time.h"
#include "conf/params.h"
#include "mail/address.h"
#include "mail/record.h"
#include "request.h"

static char *service;

void submission_open(void)
{
    static struct arena arena; /* as long as the process */

    service = arena_printf(&arena, "public/%s", params.cleanup_service_name);
}

void submission_init(struct submission *submission)
{
    *submission = (struct submission){
        .cleanup = {.records = BUF_INIT},
        .recipient = BUF_INIT,
    };
}

void submission_release(struct submission *submission)
{
    cleanup_client_release(&submission->cleanup);
    buf_release(&submission->recipient);
}

void submission_begin(struct submission *submission)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    unsigned flags = cleanup_content_flags() | cleanup_smtputf8_flag("qmqpd");

    submission->arrival_time = time_wall();
    cleanup_open(&submission->cleanup, service, flags, 0, DEADLINE_NONE);
    buf_printf(&line, "client=%s", submission->full_name);
    cleanup_log(&submission->cleanup, buf_slice(&line));
}

const char *submission_queue_id(struct submission *submission)
{
    struct error error;
    const char *queue_id = cleanup_id(&submission->cleanup, &error);

    return queue_id ? queue_id : "NOQUEUE";
}

static void put_client(struct submission *submission)
{
    struct cleanup_client *cleanup = &submission->cleanup;
    unsigned port = endpoint_port(&submission->endpoint);

    cleanup_put_attribute(cleanup, "log_client_name", submission->name.name);
    cleanup_put_attribute(cleanup, "log_client_address", submission->address);
    cleanup_printf(cleanup, RECORD_ATTRIBUTE, "log_client_port=%u", port);
    cleanup_put_attribute(cleanup, "log_message_origin", slice_from(submission->full_name));
    cleanup_put_attribute(cleanup, "log_protocol_name", SLICE("QMQP"));
    cleanup_put_attribute(cleanup, "client_name", submission->name.name);
    cleanup_put_attribute(cleanup, "client_address", submission->address);
    cleanup_printf(cleanup, RECORD_ATTRIBUTE, "client_port=%u", port);
    cleanup_printf(cleanup, RECORD_ATTRIBUTE, "client_address_type=%d",
                   endpoint_family(&submission->endpoint));
    cleanup_put_attribute(cleanup, "protocol_name", SLICE("QMQP"));
}

static bool may_delimit(const char *delimiters)
{
    return strspn(delimiters, params.verp_delimiter_filter) == 2;
}

void submission_put_sender(void *arg, struct slice sender)
{
    CLEANUP(buf_release) struct buf rewritten = BUF_INIT;
    struct submission *submission = arg;
    struct cleanup_client *cleanup = &submission->cleanup;
    char verp[3];
    bool has_verp = request_asks_for_verp(&sender, &rewritten, verp);

    if (has_verp && !may_delimit(verp))
        memcpy(submission->bad_verp, verp, sizeof(verp));
    cleanup_printf(cleanup, RECORD_TIME, "%ld %ld", (long)submission->arrival_time.tv_sec,
                   (long)submission->arrival_time.tv_usec);
    if (*params.content_filter)
        cleanup_put(cleanup, RECORD_FILTER, slice_from(params.content_filter));
    cleanup_put(cleanup, RECORD_SENDER, sender);
    if (has_verp)
        cleanup_put(cleanup, RECORD_VERP, slice_from(verp));
    put_client(submission);
}

void submission_put_recipient(void *arg, struct slice recipient)
{
    struct submission *submission = arg;

    if (submission->n_recipients++ == 0)
        buf_set(&submission->recipient, recipient);
    cleanup_put(&submission->cleanup, RECORD_RECIPIENT, recipient);
}

/* A comment is for one recipient alone: the others are nobody's business. */
static void put_received(struct submission *submission)
{
    CLEANUP(buf_release) struct buf recipient = BUF_INIT;
    CLEANUP(buf_release) struct buf by = BUF_INIT;
    struct cleanup_client *cleanup = &submission->cleanup;
    struct slice name = submission->name.name;
    const char *date = time_rfc5322(submission->arrival_time.tv_sec);
    char literal[ENDPOINT_TEXT_BYTES + 8];

    cleanup_printf(cleanup, RECORD_LINE, "Received: from %.*s (%.*s [%s])", SLICE_ARG(name),
                   SLICE_ARG(name), endpoint_literal(&submission->endpoint, literal));
    if (submission->n_recipients != 1) {
        cleanup_printf(cleanup, RECORD_LINE, "\tby %s (%s) with QMQP", params.myhostname,
                       params.mail_name);
        cleanup_put_id_and_date(cleanup, submission->arrival_time.tv_sec);
        return;
    }
    if (submission->recipient.len)
        address_quote(&recipient, buf_slice(&submission->recipient));
    else
        buf_add_text(&recipient, "\"\"");
    buf_printf(&by, "\tby %s (%s) with QMQP id ", params.myhostname, params.mail_name);
    cleanup_put_with_id(cleanup, RECORD_LINE, buf_slice(&by), SLICE_EMPTY);
    cleanup_printf(cleanup, RECORD_LINE, "\tfor <%s>; %s", recipient.data, date);
}

static void put_line(struct cleanup_client *cleanup, struct slice line)
{
    size_t limit = (size_t)params.line_length_limit;

    while (line.len > limit) {
        cleanup_put(cleanup, RECORD_PART, slice_sub(line, 0, limit));
        line = slice_from_offset(line, limit);
    }
    cleanup_put(cleanup, RECORD_LINE, line);
}

/*
 * Mailbox separators must not be taken for headers, and text that begins with a blank would
 * continue ours. True when the header begins.
 */
static bool begins_content(struct cleanup_client *cleanup, struct slice line)
{
    struct slice unquoted = slice_from_offset(line, slice_skip_any(line, ">"));

    if (slice_starts_with(unquoted, "From ")) {
        cleanup_put(cleanup, RECORD_PART, SLICE("X-Mailbox-Line: "));
        return false;
    }
    if (line.len && ascii_is_space(line.ptr[0]))
        cleanup_put(cleanup, RECORD_LINE, SLICE_EMPTY);
    return true;
}

void submission_put_message(struct submission *submission, struct slice message)
{
    struct cleanup_client *cleanup = &submission->cleanup;
    bool has_begun = false;

    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
    put_received(submission);
    while (message.len && !cleanup->failed) {
        struct slice line = slice_split(&message, '\n');

        if (!has_begun)
            has_begun = begins_content(cleanup, line);
        put_line(cleanup, line);
    }
}

int submission_finish(struct submission *submission, struct arena *arena,
                      struct cleanup_result_texts *result, struct error *error)
{
    cleanup_put(&submission->cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(&submission->cleanup, RECORD_END, SLICE_EMPTY);
    return cleanup_finish(&submission->cleanup, arena, result, error);
}
