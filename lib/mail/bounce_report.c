/* Composing delivery status notifications. */
#include "mail/bounce_report.h"

#include "base/time.h"
#include "mail/address.h"
#include "mail/header.h"

#define WRAP_COLUMNS 79
#define WRAP_INDENT  4

#define NO_REASON "(description unavailable)"

static bool is_8bit(const struct bounce_report *report)
{
    return report->smtputf8_enabled || slice_equals(report->encoding, "8bit");
}

static void add_8bit_encoding(struct buf *buf, const struct bounce_report *report)
{
    if (is_8bit(report))
        buf_add_text(buf, "Content-Transfer-Encoding: 8bit\n");
}

/* The boundary between parts, the same for each call of a report. */
static void add_boundary(struct buf *buf, const struct bounce_report *report)
{
    buf_printf(buf, "%.*s.%jd/%s", SLICE_ARG(report->queue_id), (intmax_t)report->now,
               report->myhostname);
}

static void begin_part(struct buf *buf, const struct bounce_report *report,
                       const char *description)
{
    buf_add_text(buf, "\n--");
    add_boundary(buf, report);
    buf_printf(buf, "\nContent-Description: %s\n", description);
}

/*
 * Append the text broken at white space into lines of WRAP_COLUMNS at most; those behind the
 * first are indented. A longer word stays whole.
 */
static void add_wrapped(struct buf *buf, struct slice text)
{
    size_t room = WRAP_COLUMNS;

    for (;;) {
        size_t end = text.len;
        struct slice rest;

        if (text.len > room) {
            end = room + 1;
            while (end > 0 && !ascii_is_space(text.ptr[end - 1]))
                end--;
            if (end == 0)
                end = room + slice_find_any(slice_from_offset(text, room), " \t\r\n");
        }
        rest = slice_from_offset(text, end);
        rest = slice_from_offset(rest, slice_skip_any(rest, " \t\r\n"));
        buf_add_slice(buf, slice_trim_right(slice_sub(text, 0, end)));
        buf_add_char(buf, '\n');
        if (rest.len == 0)
            return;
        buf_add_repeated(buf, ' ', WRAP_INDENT);
        room = WRAP_COLUMNS - WRAP_INDENT;
        text = rest;
    }
}

/* The envelope sender in quoted form. */
static void add_sender(struct buf *buf, const struct bounce_report *report)
{
    if (report->sender.len > 0)
        address_quote(buf, report->sender);
    else
        buf_printf(buf, "MAILER-DAEMON@%s", report->myhostname);
}

/* The type of an address in a status field (RFC 3464 section 2.1.2, RFC 6533 section 3). */
static const char *address_type(const struct bounce_report *report, struct slice address)
{
    return report->is_smtputf8 && !slice_is_ascii(address) ? "utf-8" : "rfc822";
}

static struct slice reason_of(const struct status_entry *entry)
{
    return entry->dsn.reason.len > 0 ? entry->dsn.reason : SLICE(NO_REASON);
}

static bool has_other_original(const struct status_entry *entry)
{
    return entry->recipient.original.len > 0 &&
           !slice_same_nocase(entry->recipient.original, entry->recipient.address);
}

static void add_header(struct buf *buf, const struct bounce_report *report)
{
    bool to_sender = report->audience == BOUNCE_TO_SENDER;

    buf_printf(buf, "From: %.*s\n", SLICE_ARG(report->template->from));
    buf_printf(buf, "Subject: %.*s\n",
               SLICE_ARG(to_sender ? report->template->subject
                                   : report->template->postmaster_subject));
    buf_add_text(buf, "To: ");
    address_quote(buf, report->recipient);
    buf_add_char(buf, '\n');
    if (report->message_id.len > 0)
        buf_printf(buf, "References: %.*s\nIn-Reply-To: %.*s\n", SLICE_ARG(report->message_id),
                   SLICE_ARG(report->message_id));
    buf_printf(buf, "Auto-Submitted: %s\n", to_sender ? "auto-replied" : "auto-generated");
    if (report->tls_is_optional)
        buf_add_text(buf, "TLS-Required: no\n");
    buf_add_text(buf, "MIME-Version: 1.0\n"
                      "Content-Type: multipart/report; report-type=delivery-status;\n"
                      "\tboundary=\"");
    add_boundary(buf, report);
    buf_add_text(buf, "\"\n");
    if (is_8bit(report))
        buf_add_text(buf, "Content-Transfer-Encoding: 8bit\n");
    else if (slice_equals(report->encoding, "7bit"))
        buf_add_text(buf, "Content-Transfer-Encoding: 7bit\n");
}

void bounce_report_begin(struct buf *buf, const struct bounce_report *report)
{
    struct slice charset = report->template->charset;

    if (is_8bit(report) && slice_equals_nocase(charset, "us-ascii"))
        charset = SLICE("utf-8");
    add_header(buf, report);
    buf_add_text(buf, "\nThis is a MIME-encapsulated message.\n");
    begin_part(buf, report, "Notification");
    buf_printf(buf, "Content-Type: text/plain; charset=%.*s\n", SLICE_ARG(charset));
    add_8bit_encoding(buf, report);
    buf_add_char(buf, '\n');
    if (report->audience == BOUNCE_TO_SENDER)
        buf_add_slice(buf, report->text);
}

void bounce_report_recipient(struct buf *buf, const struct bounce_report *report,
                             const struct status_entry *entry)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)report;
    buf_add_char(&text, '<');
    address_quote(&text, entry->recipient.address);
    if (has_other_original(entry)) {
        buf_add_text(&text, "> (expanded from <");
        address_quote(&text, entry->recipient.original);
        buf_add_text(&text, ">): ");
    } else {
        buf_add_text(&text, ">: ");
    }
    buf_add_slice(&text, reason_of(entry));
    buf_add_char(buf, '\n');
    add_wrapped(buf, buf_slice(&text));
}

void bounce_report_status_begin(struct buf *buf, const struct bounce_report *report)
{
    begin_part(buf, report, "Delivery report");
    if (report->is_smtputf8)
        buf_add_text(buf, "Content-Type: message/global-delivery-status\n"
                          "Content-Transfer-Encoding: 8bit\n");
    else
        buf_add_text(buf, "Content-Type: message/delivery-status\n");
    buf_printf(buf, "\nReporting-MTA: dns; %s\n", report->myhostname);
    if (report->envelope_id.len > 0)
        buf_printf(buf, "Original-Envelope-Id: %.*s\n", SLICE_ARG(report->envelope_id));
    buf_printf(buf, "X-%s-Queue-ID: %.*s\n", report->mail_name, SLICE_ARG(report->queue_id));
    buf_printf(buf, "X-%s-Sender: %s; ", report->mail_name,
               address_type(report, report->sender));
    add_sender(buf, report);
    buf_printf(buf, "\nArrival-Date: %s\n", time_rfc5322(report->arrival_time));
}

static void add_original_recipient(struct buf *buf, const struct bounce_report *report,
                                   const struct recipient *recipient)
{
    if (recipient->dsn_original.len > 0) {
        buf_printf(buf, "Original-Recipient: %.*s\n", SLICE_ARG(recipient->dsn_original));
    } else if (recipient->original.len > 0) {
        buf_printf(buf, "Original-Recipient: %s; ", address_type(report, recipient->original));
        address_quote(buf, recipient->original);
        buf_add_char(buf, '\n');
    }
}

void bounce_report_status(struct buf *buf, const struct bounce_report *report,
                          const struct status_entry *entry)
{
    CLEANUP(buf_release) struct buf diagnostic = BUF_INIT;
    const struct dsn *dsn = &entry->dsn;

    buf_printf(buf, "\nFinal-Recipient: %s; ", address_type(report, entry->recipient.address));
    address_quote(buf, entry->recipient.address);
    buf_add_char(buf, '\n');
    add_original_recipient(buf, report, &entry->recipient);
    buf_printf(buf, "Action: %s\nStatus: %s\n",
               report->kind == BOUNCE_DELAY ? "delayed" : dsn->action, dsn->status);
    if (dsn->mta_type && dsn->mta.len > 0)
        buf_printf(buf, "Remote-MTA: %s; %.*s\n", dsn->mta_type, SLICE_ARG(dsn->mta));
    if (dsn->diagnostic_type && dsn->diagnostic.len > 0)
        buf_printf(&diagnostic, "Diagnostic-Code: %s; %.*s", dsn->diagnostic_type,
                   SLICE_ARG(dsn->diagnostic));
    else
        buf_printf(&diagnostic, "Diagnostic-Code: X-%s; %.*s", report->mail_name,
                   SLICE_ARG(reason_of(entry)));
    add_wrapped(buf, buf_slice(&diagnostic));
    if (report->kind == BOUNCE_DELAY)
        buf_printf(buf, "Will-Retry-Until: %s\n", time_rfc5322(report->retry_until));
}

void bounce_report_original_begin(struct buf *buf, const struct bounce_report *report)
{
    bool undelivered = report->kind == BOUNCE_FAILURE || report->kind == BOUNCE_DELAY;
    bool is_whole = report->original == BOUNCE_WITH_CONTENT;

    begin_part(buf, report,
               undelivered ? is_whole ? "Undelivered Message" : "Undelivered Message Headers"
               : is_whole  ? "Message"
                           : "Message Headers");
    if (is_whole)
        buf_printf(buf, "Content-Type: message/%s\n",
                   report->is_smtputf8 ? "global" : "rfc822");
    else
        buf_printf(buf, "Content-Type: %s\n",
                   report->is_smtputf8 ? "message/global-headers" : "text/rfc822-headers");
    add_8bit_encoding(buf, report);
    buf_add_text(buf, "\nReturn-Path: <");
    add_sender(buf, report);
    buf_add_text(buf, ">\n");
}

bool bounce_report_wants_line(const struct bounce_report *report, struct slice line)
{
    return report->original == BOUNCE_WITH_CONTENT || header_is_continuation(line) ||
           header_name_length(line) > 0;
}

void bounce_report_end(struct buf *buf, const struct bounce_report *report)
{
    buf_add_text(buf, "\n--");
    add_boundary(buf, report);
    buf_add_text(buf, "--\n");
}
