#include "mail/bounce_report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/test.h"
#include "base/time.h"
#include "mail/bounce_template.h"

static const char *lookup(const char *name)
{
    return strcmp(name, "myhostname") == 0 ? "mx.example.test" : NULL;
}

static const struct bounce_expansion expansion = {
    .lookup = lookup, .delay_warning_time = HOURS(4), .maximal_queue_lifetime = 86400000};

/* What Postfix 3.7 made of the same events, from "From:" on. */
static const char failure_expected[] =
    "From: Mail Delivery System <MAILER-DAEMON>\n"
    "Subject: Undelivered Mail Returned to Sender\n"
    "To: alice@example.test\n"
    "Auto-Submitted: auto-replied\n"
    "MIME-Version: 1.0\n"
    "Content-Type: multipart/report; report-type=delivery-status;\n"
    "\tboundary=\"C282F4D.1795329867/mx.example.test\"\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
    "This is a MIME-encapsulated message.\n"
    "\n"
    "--C282F4D.1795329867/mx.example.test\n"
    "Content-Description: Notification\n"
    "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
    "This is the mail system at host mx.example.test.\n"
    "\n"
    "I'm sorry to have to inform you that your message could not\n"
    "be delivered to one or more recipients. It's attached below.\n"
    "\n"
    "For further assistance, please send mail to postmaster.\n"
    "\n"
    "If you do so, please include this problem report. You can\n"
    "delete your own text from the attached returned message.\n"
    "\n"
    "                   The mail system\n"
    "\n"
    "<y@err2.test>: (description unavailable)\n"
    "\n"
    "<one@sink.test> (expanded from <\"q q\"@err.test>): host 127.0.0.2[127.0.0.2]\n"
    "    said: 550-5.1.1 No such user here 550 5.1.1 line two (in reply to RCPT TO\n"
    "    command)\n"
    "\n"
    "--C282F4D.1795329867/mx.example.test\n"
    "Content-Description: Delivery report\n"
    "Content-Type: message/delivery-status\n"
    "\n"
    "Reporting-MTA: dns; mx.example.test\n"
    "Original-Envelope-Id: abc+123\n"
    "X-Postfix-Queue-ID: C282F4D\n"
    "X-Postfix-Sender: rfc822; alice@example.test\n"
    "Arrival-Date: Sun, 22 Nov 2026 06:44:27 +0000 (UTC)\n"
    "\n"
    "Final-Recipient: rfc822; y@err2.test\n"
    "Original-Recipient: rfc822;orig@orig.test\n"
    "Action: failed\n"
    "Status: 5.1.2\n"
    "Diagnostic-Code: X-Postfix; (description unavailable)\n"
    "\n"
    "Final-Recipient: rfc822; one@sink.test\n"
    "Original-Recipient: rfc822; \"q q\"@err.test\n"
    "Action: failed\n"
    "Status: 5.1.1\n"
    "Remote-MTA: dns; 127.0.0.2\n"
    "Diagnostic-Code: smtp; 550-5.1.1 No such user here 550 5.1.1 line two\n"
    "\n"
    "--C282F4D.1795329867/mx.example.test\n"
    "Content-Description: Undelivered Message Headers\n"
    "Content-Type: text/rfc822-headers\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
    "Return-Path: <alice@example.test>\n"
    "Subject: two\n"
    "\n"
    "--C282F4D.1795329867/mx.example.test--\n";

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct status_entry entries[] = {
    {.recipient = {.address = TEXT("y@err2.test"),
                   .original = TEXT(""),
                   .dsn_original = TEXT("rfc822;orig@orig.test")},
     .dsn = {.status = "5.1.2", .action = "failed", .reason = TEXT("")}},
    {.recipient = {.address = TEXT("one@sink.test"),
                   .original = TEXT("q q@err.test"),
                   .dsn_original = TEXT("")},
     .dsn = {.status = "5.1.1",
             .action = "failed",
             .reason = TEXT("host 127.0.0.2[127.0.0.2] said: 550-5.1.1 No such user here "
                            "550 5.1.1 line two (in reply to RCPT TO command)"),
             .diagnostic_type = "smtp",
             .diagnostic = TEXT("550-5.1.1 No such user here 550 5.1.1 line two"),
             .mta_type = "dns",
             .mta = TEXT("127.0.0.2")}},
};

static struct bounce_report make_report(const struct bounce_template *template)
{
    return (struct bounce_report){
        .kind = BOUNCE_FAILURE,
        .audience = BOUNCE_TO_SENDER,
        .original = BOUNCE_WITH_HEADERS,
        .template = template,
        .queue_id = SLICE("C282F4D"),
        .sender = SLICE("alice@example.test"),
        .recipient = SLICE("alice@example.test"),
        .envelope_id = SLICE("abc+123"),
        .message_id = SLICE_EMPTY,
        .encoding = SLICE_EMPTY,
        .smtputf8_enabled = true,
        .arrival_time = 1795329867,
        .now = 1795329867,
        .myhostname = "mx.example.test",
        .mail_name = "Postfix",
    };
}

static void compose(struct buf *buf, const struct bounce_report *report)
{
    static const char *const content[] = {"Subject: two", "", "body"};

    bounce_report_begin(buf, report);
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        bounce_report_recipient(buf, report, &entries[i]);
    bounce_report_status_begin(buf, report);
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
        bounce_report_status(buf, report, &entries[i]);
    bounce_report_original_begin(buf, report);
    for (size_t i = 0; i < ARRAY_SIZE(content); i++) {
        if (!bounce_report_wants_line(report, slice_from(content[i])))
            break;
        buf_printf(buf, "%s\n", content[i]);
    }
    bounce_report_end(buf, report);
}

static void test_failure(void **state)
{
    CLEANUP(bounce_templates_release) struct bounce_templates templates;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf warnings = BUF_INIT;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct bounce_report report;
    struct error error;

    (void)state;
    setenv("TZ", "UTC", 1);
    bounce_templates_init(&templates);
    assert_int_equal(bounce_template_expand(&templates.kinds[BOUNCE_FAILURE], &expansion, &text,
                                            &warnings, &error),
                     0);
    report = make_report(&templates.kinds[BOUNCE_FAILURE]);
    report.text = buf_slice(&text);
    compose(&buf, &report);
    assert_string_equal(buf.data, failure_expected);
}

static void expect(const char *haystack, const char *needle)
{
    if (!strstr(haystack, needle))
        print_message("missing: %s\n", needle);
    assert_non_null(strstr(haystack, needle));
}

/* What differs by kind, audience and encoding. */
static void test_variants(void **state)
{
    CLEANUP(bounce_templates_release) struct bounce_templates templates;
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    struct bounce_report report;

    (void)state;
    setenv("TZ", "UTC", 1);
    bounce_templates_init(&templates);
    report = make_report(&templates.kinds[BOUNCE_DELAY]);
    report.kind = BOUNCE_DELAY;
    report.text = SLICE("text\n");
    report.audience = BOUNCE_TO_POSTMASTER;
    report.original = BOUNCE_WITH_CONTENT;
    report.sender = SLICE_EMPTY;
    report.message_id = SLICE("<m@id>");
    report.smtputf8_enabled = false;
    report.encoding = SLICE("7bit");
    report.retry_until = 1795329868;
    compose(&buf, &report);
    expect(buf.data,
           "Subject: Postmaster Warning: Delayed Mail\nTo: alice@example.test\n"
           "References: <m@id>\nIn-Reply-To: <m@id>\nAuto-Submitted: auto-generated\n");
    expect(buf.data, "\"\nContent-Transfer-Encoding: 7bit\n\nThis is a MIME");
    expect(buf.data, "charset=us-ascii\n\n\n<y@err2.test>");
    expect(buf.data, "X-Postfix-Sender: rfc822; MAILER-DAEMON@mx.example.test\n");
    expect(buf.data, "Action: delayed\n");
    expect(buf.data, "Will-Retry-Until: Sun, 22 Nov 2026 06:44:28 +0000 (UTC)\n");
    expect(buf.data,
           "Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n"
           "Return-Path: <MAILER-DAEMON@mx.example.test>\nSubject: two\n\nbody\n\n--");
    report.is_smtputf8 = true;
    report.kind = BOUNCE_SUCCESS;
    report.original = BOUNCE_WITH_HEADERS;
    buf_reset(&buf);
    compose(&buf, &report);
    expect(buf.data, "Content-Type: message/global-delivery-status\n"
                     "Content-Transfer-Encoding: 8bit\n\nReporting");
    expect(buf.data, "Message Headers\nContent-Type: message/global-headers\n");
}

static const struct {
    const char *name, *file, *subject, *text, *warnings, *error;
} files[] = {
    {"headers", "# c\n\nfailure_template = <<EOX\nSUBJECT:  s \n\nEOF\n $myhostname $$\nEOX\n",
     "s", "EOF\n mx.example.test $\n", "", ""},
    {"no headers", "failure_template = <<EOF\n\nx\nEOF\n",
     "Undelivered Mail Returned to Sender", "x\n", "", ""},
    {"folded header is text", "failure_template=<<EOF\nSubject: a\n b\nEOF\n", "a", " b\n", "",
     ""},
    {"one line", "failure_template = text\n", "Undelivered Mail Returned to Sender", "text\n",
     "", ""},
    {"times",
     "failure_template = <<EOF\n\n$delay_warning_time_hours $maximal_queue_lifetime_days\n"
     "EOF\n",
     "Undelivered Mail Returned to Sender", "4 1\n", "", ""},
    {"unknown label", "failure_template = <<EOF\nX-Foo: a\n\nb\nEOF\n", NULL, NULL,
     "unknown \"X-Foo\" header label in failure template -- ignoring this template\n", ""},
    {"empty value", "failure_template = <<EOF\nFrom:\n\nb\nEOF\n", NULL, NULL,
     "empty \"From\" header value in failure template -- ignoring this template\n", ""},
    {"not ASCII", "failure_template = <<EOF\nFrom: \xc3\xbc\n\nb\nEOF\n", NULL, NULL,
     "non-ASCII \"From\" header value in failure template -- ignoring this template\n", ""},
    {"text that is not ASCII", "failure_template = <<EOF\nSubject: a\n\n\xc3\xbc\nEOF\n", NULL,
     NULL, "-- ignoring this template for now\n", ""},
    {"text in its charset",
     "failure_template = <<EOF\nCharset: utf-8\nSubject: a\n\n\xc3\xbc\nEOF\n", "a",
     "\xc3\xbc\n", "", ""},
    {"no text", "failure_template = <<EOF\nEOF\n", NULL, NULL,
     "missing message text in failure template -- ignoring this template\n", ""},
    {"unknown template", "foo_template = <<EOF\n\nx\nEOF\n", NULL, NULL,
     ", line 5: unknown template name: foo_template -- ignoring this template\n", ""},
    {"no end", "failure_template = <<EOF\nSubject: a\nx\n", "a", "x\n",
     ", line 4: missing \"EOF\" end marker\n", ""},
    {"garbage", "garbage\n", NULL, NULL, "",
     ", line 2: missing '=' after attribute name: \"garbage\""},
    {"no marker", "failure_template = <<\nx\n", NULL, NULL, "",
     ", line 2: missing end marker after <<"},
};

static void test_template_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char path[] = "/tmp/bounce_template_test.XXXXXX";
        CLEANUP(bounce_templates_release) struct bounce_templates templates;
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        CLEANUP(buf_release) struct buf warnings = BUF_INIT;
        const struct bounce_template *failure = &templates.kinds[BOUNCE_FAILURE];
        struct error error = ERROR_INIT;
        int fd = mkstemp(path);

        test_case(files[i].name);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, files[i].file, strlen(files[i].file)),
                         strlen(files[i].file));
        close(fd);
        bounce_templates_init(&templates);
        assert_int_equal(bounce_templates_load(&templates, path, &warnings, &error),
                         files[i].error[0] ? -1 : 0);
        unlink(path);
        expect(error.text, files[i].error);
        expect(warnings.data, files[i].warnings);
        if (!files[i].warnings[0])
            assert_int_equal(warnings.len, 0);
        if (!files[i].text)
            continue;
        assert_slice_equal(failure->subject, files[i].subject);
        assert_int_equal(bounce_template_expand(failure, &expansion, &text, &warnings, &error),
                         0);
        assert_string_equal(text.data, files[i].text);
    }
}

static void test_undefined_name(void **state)
{
    struct bounce_template template = {.name = "delay", .text = SLICE("a $nothing b\n")};
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    CLEANUP(buf_release) struct buf warnings = BUF_INIT;
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(bounce_template_expand(&template, &expansion, &text, &warnings, &error),
                     -1);
    expect(error.text, "undefined $name in delay template: nothing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_template_files),
        cmocka_unit_test(test_undefined_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
