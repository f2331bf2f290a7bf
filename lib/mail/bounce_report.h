/*
 * Delivery status notifications: a multipart/report (RFC 3462, RFC 3464) with a text for
 * people, the status of each recipient for programs, and the message or its header. Pure
 * composition: lines ending in \n are appended to a buffer, in this order:
 *
 *     bounce_report_begin
 *     bounce_report_recipient      for each recipient: the text for people
 *     bounce_report_status_begin
 *     bounce_report_status         for each recipient: the fields for programs
 *     bounce_report_original_begin
 *     ...                          the lines of the content, as bounce_report_wants_line tells
 *     bounce_report_end
 *
 * The buffer may be emptied (sent) between any two calls.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mail/bounce_template.h"
#include "mail/message.h"
#include "mail/status_log.h"

enum bounce_audience {
    BOUNCE_TO_SENDER,
    BOUNCE_TO_POSTMASTER, /* other subject, no text from the template */
};

/* How much of the message goes along. */
enum bounce_original { BOUNCE_WITH_HEADERS, BOUNCE_WITH_CONTENT };

/* Texts are borrowed for the calls below. */
struct bounce_report {
    enum bounce_kind kind;
    enum bounce_audience audience;
    enum bounce_original original;
    const struct bounce_template *template;
    struct slice text;      /* of bounce_template_expand */
    struct slice queue_id;  /* of the message reported about */
    struct slice sender;    /* its envelope sender; empty: shown as MAILER-DAEMON@myhostname */
    struct slice recipient; /* of the report; internal form */
    struct slice envelope_id; /* DSN ENVID; empty: none */
    struct slice message_id;  /* for References: (enable_threaded_bounces); empty: none */
    struct slice encoding;    /* of the message: "7bit", "8bit" or empty */
    bool smtputf8_enabled;    /* smtputf8_enable: the report is UTF-8 whatever the message is */
    bool is_smtputf8;         /* the message was sent with SMTPUTF8 */
    bool tls_is_optional;     /* it had "TLS-Required: no", and so has the report (RFC 8689) */
    int64_t arrival_time;     /* seconds */
    int64_t retry_until;      /* seconds, with BOUNCE_DELAY: when we shall give up */
    int64_t now;              /* seconds: makes the boundary unique */
    const char *myhostname;
    const char *mail_name; /* the "Postfix" of "X-Postfix-Queue-ID" */
};

/*
 * The header from "From:" on (whoever posts it adds Received, Date and Message-Id) and the
 * start of the text.
 */
void bounce_report_begin(struct buf *buf, const struct bounce_report *report);
void bounce_report_recipient(struct buf *buf, const struct bounce_report *report,
                             const struct status_entry *entry);
void bounce_report_status_begin(struct buf *buf, const struct bounce_report *report);
void bounce_report_status(struct buf *buf, const struct bounce_report *report,
                          const struct status_entry *entry);
void bounce_report_original_begin(struct buf *buf, const struct bounce_report *report);
/* False: this line of the content and all that follow stay out (the end of the header). */
bool bounce_report_wants_line(const struct bounce_report *report, struct slice line);
void bounce_report_end(struct buf *buf, const struct bounce_report *report);
