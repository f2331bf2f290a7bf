/*
 * Composing and posting a notification.
 */
#include "notice.h"

#include "base/bug.h"
#include "base/log.h"
#include "base/time.h"
#include "conf/conf.h"
#include "conf/params.h"
#include "conf/words.h"
#include "ipc/cleanup_client.h"
#include "mail/record.h"

static struct bounce_templates templates;

/* A posting in progress: text collects here and leaves as lines. */
struct posting {
    struct notice *notice;
    struct cleanup_client cleanup;
    struct buf text;
};

static void posting_release(struct posting *posting)
{
    cleanup_client_release(&posting->cleanup);
    buf_release(&posting->text);
}

static void log_lines(struct slice lines)
{
    while (lines.len > 0) {
        struct slice line = slice_split(&lines, '\n');

        log_warning("%.*s", SLICE_ARG(line));
    }
}

void notice_open_templates(void)
{
    struct buf warnings = BUF_INIT;
    struct error error = ERROR_INIT;

    bounce_templates_init(&templates);
    if (*params.bounce_template_file &&
        bounce_templates_load(&templates, params.bounce_template_file, &warnings, &error) < 0)
        log_warning("%s: using the built-in bounce templates", error.text);
    log_lines(buf_slice(&warnings));
    buf_release(&warnings);
}

/* The text for people; without its $names when one of them is undefined. */
static void expand_template(const struct bounce_template *template, struct buf *text)
{
    CLEANUP(buf_release) struct buf warnings = BUF_INIT;
    struct bounce_expansion expansion = {
        .lookup = conf_lookup,
        .delay_warning_time = params.delay_warning_time,
        .maximal_queue_lifetime = params.maximal_queue_lifetime,
        .path = *params.bounce_template_file ? params.bounce_template_file : NULL,
    };
    struct error error = ERROR_INIT;

    if (bounce_template_expand(template, &expansion, text, &warnings, &error) < 0) {
        log_warning("%s", error.text);
        buf_set(text, template->text);
    }
    log_lines(buf_slice(&warnings));
}

static const char *cleanup_service(void)
{
    static char *path;

    if (!path) {
        struct buf text = BUF_INIT;

        buf_printf(&text, "public/%s", params.cleanup_service_name);
        path = buf_take(&text);
    }
    return path;
}

/* Hand over the complete lines of the text. */
static void send_lines(struct posting *posting)
{
    struct slice rest = buf_slice(&posting->text);

    while (slice_find(rest, '\n') < rest.len)
        cleanup_put(&posting->cleanup, RECORD_LINE, slice_split(&rest, '\n'));
    buf_remove_front(&posting->text, posting->text.len - rest.len);
}

static int begin(struct posting *posting, struct error *error)
{
    struct notice *notice = posting->notice;
    struct cleanup_client *cleanup = &posting->cleanup;
    unsigned flags = CLEANUP_MAP | CLEANUP_REWRITE | CLEANUP_SMTPUTF8;
    const char *id;

    if (words_have(slice_from(params.internal_mail_filter_classes), SLICE("bounce")))
        flags |= CLEANUP_FILTER | CLEANUP_MILTER;
    cleanup_open(cleanup, cleanup_service(), flags, notice->send_options,
                 deadline_in(params.ipc_timeout));
    id = cleanup_id(cleanup, error);
    if (!id)
        return -1;
    cleanup_printf(cleanup, RECORD_TIME, "%lld %ld", (long long)cleanup->arrival_time.tv_sec,
                   (long)cleanup->arrival_time.tv_usec);
    cleanup_put_attribute(cleanup, "log_message_origin", SLICE("local"));
    cleanup_put_attribute(cleanup, "rewrite_context", SLICE("local"));
    cleanup_put(cleanup, RECORD_SENDER, notice->sender);
    cleanup_put(cleanup, RECORD_RECIPIENT, notice->report.recipient);
    cleanup_put(cleanup, RECORD_MESSAGE, SLICE_EMPTY);
    buf_printf(&posting->text, "Received: by %s (%s)\n\tid %s; ", params.myhostname,
               params.mail_name, id);
    buf_printf(&posting->text, "%s\n", time_rfc5322(cleanup->arrival_time.tv_sec));
    buf_printf(&posting->text, "Date: %s\n", time_rfc5322(cleanup->arrival_time.tv_sec));
    return 0;
}

static void add_diagnosis(void *arg, const struct status_entry *entry)
{
    struct posting *posting = arg;

    bounce_report_recipient(&posting->text, &posting->notice->report, entry);
    send_lines(posting);
}

static void add_status(void *arg, const struct status_entry *entry)
{
    struct posting *posting = arg;
    struct status_entry final = *entry;

    /* A defer log tells "delayed"; there are no more attempts. */
    if (posting->notice->report.kind == BOUNCE_FAILURE)
        final.dsn.action = "failed";
    bounce_report_status(&posting->text, &posting->notice->report, &final);
    send_lines(posting);
}

/* The message or its header; what cannot be read is left out (and said in the log). */
static void add_original(struct posting *posting)
{
    const struct notice *notice = posting->notice;
    struct content_reader reader;
    struct slice line;
    bool continues, is_continued = false;
    struct error error = ERROR_INIT;
    int result;

    content_open(&reader, notice->message);
    while ((result = content_next_line(&reader, &line, &continues, &error)) > 0) {
        if (!is_continued && !bounce_report_wants_line(&notice->report, line))
            break;
        cleanup_put(&posting->cleanup, continues ? RECORD_PART : RECORD_LINE, line);
        is_continued = continues;
    }
    if (result < 0)
        log_warning("%.*s: reading the message to return: %s",
                    SLICE_ARG(notice->report.queue_id), error.text);
    content_close(&reader);
}

static int add_body(struct posting *posting, struct error *error)
{
    struct notice *notice = posting->notice;
    struct bounce_report *report = &notice->report;

    bounce_report_begin(&posting->text, report);
    send_lines(posting);
    if (entries_walk(&notice->entries, add_diagnosis, posting, error) < 0)
        return -1;
    bounce_report_status_begin(&posting->text, report);
    if (entries_walk(&notice->entries, add_status, posting, error) < 0)
        return -1;
    if (notice->message) {
        bounce_report_original_begin(&posting->text, report);
        send_lines(posting);
        add_original(posting);
    }
    bounce_report_end(&posting->text, report);
    send_lines(posting);
    return 0;
}

static int end(struct posting *posting, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct cleanup_result_texts result;

    cleanup_put(&posting->cleanup, RECORD_EXTRACTED, SLICE_EMPTY);
    cleanup_put(&posting->cleanup, RECORD_END, SLICE_EMPTY);
    if (cleanup_finish(&posting->cleanup, &arena, &result, error) < 0)
        return -1;
    if (result.status == CLEANUP_STATUS_OK)
        return 0;
    return error_set(error, ERROR_TEMPORARY, "%s",
                     result.reason.len ? result.reason.ptr
                                       : cleanup_status_detail(result.status)->text);
}

static void complete_report(struct bounce_report *report, struct buf *text)
{
    report->template = &templates.kinds[report->kind];
    expand_template(report->template, text);
    report->text = buf_slice(text);
    report->smtputf8_enabled = params.smtputf8_enable;
    report->now = time_wall_seconds();
    report->myhostname = params.myhostname;
    report->mail_name = params.mail_name;
}

enum notice_result notice_post(struct notice *notice, char id[QUEUE_ID_BYTES],
                               struct error *error)
{
    CLEANUP(posting_release)
    struct posting posting = {.notice = notice, .text = BUF_INIT};
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    int count = entries_walk(&notice->entries, NULL, NULL, error);

    buf_init(&posting.cleanup.records);
    if (count <= 0)
        return count < 0 ? NOTICE_FAILED : NOTICE_NOT_WANTED;
    complete_report(&notice->report, &text);
    if (begin(&posting, error) < 0 || add_body(&posting, error) < 0 || end(&posting, error) < 0)
        return NOTICE_FAILED;
    memcpy(id, posting.cleanup.queue_id, QUEUE_ID_BYTES);
    return NOTICE_POSTED;
}
