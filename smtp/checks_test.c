#include "checks.h"

#include "conf/test.h"
#include "generic.h"
#include "mail/message.h"
#include "options.h"

/* A message as it lies in the queue, and what leaves; NULL: a table fails. */
static const struct {
    const char *name;
    const char *in, *out;
} cases[] = {
    {"nothing to do", "Subject: x\n\nbody\n", "Subject: x\n\nbody\n"},
    {"replace", "X-Replace: a\n\nx\n", "X-New: b\n\nx\n"},
    {"prepend", "X-Prepend: a\n\nx\n", "X-Before: b\nX-Prepend: a\n\nx\n"},
    {"ignore", "X-Ignore: a\nX-Strip: a\nA: b\n\nx\n", "A: b\n\nx\n"},
    {"no header", "X-Bad: a\nX-None: a\n\nx\n", "X-Bad: a\nX-None: a\n\nx\n"},
    {"not for us", "X-Reject: a\n\nx\n", "X-Reject: a\n\nx\n"},
    {"folded", "X-Other: a\n b\n\nx\n", "X-Other: a\n b\n\nx\n"},
    {"body", "A: b\n\ngone\nbefore\nother\n", "A: b\n\nput in\nbefore\nchanged\n"},
    {"no body", "A: b\n", "A: b\n"},
    {"nested",
     "Content-Type: message/rfc822\n\nX-Replace: a\nX-Nested: a\nContent-Type: text/plain\n\nx\n",
     "Content-Type: message/rfc822\n\nX-Replace: a\nX-Seen: b\nContent-Type: text/x\n\nx\n"},
    {"generic", "From: Joe <joe@own.test>\nX-From: joe@own.test\n\njoe@own.test\n",
     "From: Joe <joe@isp.test>\nX-From: joe@own.test\n\njoe@own.test\n"},
    {"only some", "To: a@b.test,\n joe+x@own.test (J)\n\nx\n",
     "To: a@b.test, joe@isp.test (J)\n\nx\n"},
    {"as they are", "To: a@b.test,\n  c@d.test\n\nx\n", "To: a@b.test,\n  c@d.test\n\nx\n"},
    {"replaced by another", "X-Sender: a\n\nx\n", "From: joe@own.test\n\nx\n"},
};

static void feed_lines(struct checks *checks, const char *text, struct buf *out)
{
    struct slice rest = slice_from(text);

    while (rest.len)
        assert_int_equal(checks_feed(checks, slice_split(&rest, '\n'), MIME_LINE_WHOLE, out),
                         0);
    assert_int_equal(checks_end(checks, out), 0);
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_release) struct buf out = BUF_INIT;
        struct checks checks;

        test_case(cases[i].name);
        checks_init(&checks, SLICE("ABC"));
        feed_lines(&checks, cases[i].in, &out);
        checks_release(&checks);
        assert_string_equal(out.data, cases[i].out);
    }
}

/* A line that comes in pieces leaves as one. */
static void test_pieces(void **state)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct checks checks;

    (void)state;
    checks_init(&checks, SLICE("ABC"));
    assert_int_equal(checks_feed(&checks, SLICE("A: b"), MIME_LINE_WHOLE, &out), 0);
    assert_int_equal(checks_feed(&checks, SLICE(""), MIME_LINE_WHOLE, &out), 0);
    assert_int_equal(checks_feed(&checks, SLICE("one "), MIME_LINE_CONTINUES, &out), 0);
    assert_string_equal(out.data, "A: b\n\none ");
    assert_int_equal(checks_feed(&checks, SLICE("line"), MIME_LINE_WHOLE, &out), 0);
    assert_int_equal(checks_end(&checks, &out), 0);
    assert_string_equal(out.data, "A: b\n\none line\n");
    checks_release(&checks);
    checks_release(&checks);
}

static void test_table_fails(void **state)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct checks checks;

    (void)state;
    checks_init(&checks, SLICE("ABC"));
    assert_int_equal(checks_feed(&checks, SLICE("A: b"), MIME_LINE_WHOLE, &out), 0);
    assert_int_equal(checks_feed(&checks, SLICE(""), MIME_LINE_WHOLE, &out), 0);
    assert_int_equal(checks_feed(&checks, SLICE("unlucky"), MIME_LINE_WHOLE, &out), 0);
    params.smtp_body_checks = "fail:always";
    checks_open();
    assert_int_equal(checks_feed(&checks, SLICE("unlucky"), MIME_LINE_WHOLE, &out), -1);
    checks_release(&checks);
}

static void test_envelope(void **state)
{
    struct recipient recipients[] = {{.address = SLICE("joe+x@own.test")},
                                     {.address = SLICE("a@b.test")},
                                     {.address = SLICE("c@dom.test")}};
    struct delivery delivery = {
        .recipients = recipients, .n_recipients = ARRAY_SIZE(recipients), .arena = ARENA_INIT};
    struct attempt attempt = {.delivery = &delivery};
    struct error error;

    (void)state;
    delivery.request.sender = SLICE("joe@own.test");
    assert_int_equal(generic_map_envelope(&attempt, &error), 0);
    assert_slice_equal(attempt.sender, "joe@isp.test");
    assert_slice_equal(attempt.addresses[0], "joe@isp.test");
    assert_slice_equal(attempt.addresses[1], "a@b.test");
    assert_slice_equal(attempt.addresses[2], "c@new.test");
    delivery.request.sender = SLICE_EMPTY;
    assert_int_equal(generic_map_envelope(&attempt, &error), 0);
    assert_int_equal(attempt.sender.len, 0);
    arena_release(&delivery.arena);
}

static int load(void **state)
{
    if (test_load_defaults(state) < 0)
        return -1;
    options_load(false);
    params.myhostname = "mx.own.test";
    params.myorigin = params.mydestination = "own.test";
    params.inet_interfaces = "127.0.0.1";
    params.recipient_delimiter = "+";
    params.smtp_generic_maps =
        "inline:{ {joe@own.test = joe@isp.test}, {@dom.test = @new.test} }";
    params.smtp_header_checks =
        "inline:{ {X-Replace: a=REPLACE X-New: b}, {X-Prepend: a=PREPEND X-Before: b}, "
        "{X-Ignore: a=IGNORE}, {X-Strip: a=STRIP x}, {X-Bad: a=REPLACE none}, {X-None: a=PREPEND}, "
        "{X-Reject: a=REJECT x}, {X-Sender: a=REPLACE From: joe@own.test} }";
    params.smtp_mime_header_checks =
        "inline:{ {Content-Type: text/plain=REPLACE Content-Type: text/x} }";
    params.smtp_nested_header_checks = "inline:{ {X-Nested: a=REPLACE X-Seen: b} }";
    params.smtp_body_checks =
        "inline:{ {gone=IGNORE}, {before=PREPEND put in}, {other=REPLACE changed} }";
    generic_open();
    checks_open();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_table_fails),
    };

    return cmocka_run_group_tests(tests, load, NULL);
}
