#include "transaction.h"

#include <string.h>

#include "base/log.h"
#include "delivery/test_message.h"
#include "ipc/delivery_client.h"
#include "mail/message.h"
#include "test_server.h"

static struct test_server server;
static struct buf logged;

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    buf_printf(&logged, "%s\n", line);
}

/* A message with recipients r0@x.test, r1@x.test, ... and what became of it. */
static struct {
    struct test_message message;
    struct recipient recipients[3];
    struct recipient *pending[3];
    struct attempt attempt;
    bool may_keep;
    enum transaction result;
} scene;

static void set_scene(const char *content, size_t n_recipients)
{
    static const char *const addresses[] = {"r0@x.test", "r1@x.test", "r2@x.test"};

    test_message_init(&scene.message, slice_from(content));
    scene.attempt = (struct attempt){.delivery = &scene.message.delivery,
                                     .pending = scene.pending,
                                     .n_pending = n_recipients};
    for (size_t i = 0; i < n_recipients; i++) {
        scene.recipients[i] = (struct recipient){.address = slice_from(addresses[i])};
        scene.pending[i] = &scene.recipients[i];
    }
    scene.message.delivery.recipients = scene.recipients;
    scene.message.delivery.n_recipients = n_recipients;
    scene.may_keep = false;
    buf_reset(&logged);
}

static int tear_down(void **state)
{
    (void)state;
    test_message_release(&scene.message);
    return 0;
}

static void run_client(void *arg)
{
    struct tls_policy policy = {.level = TLS_LEVEL_NONE};
    struct opening opening = {.host = &server.host,
                              .policy = &policy,
                              .nexthop = SLICE("next.test"),
                              .arena = &scene.message.delivery.arena};
    struct session *session = session_open(&opening);

    (void)arg;
    assert_non_null(session);
    scene.result = transaction_run(session, &scene.attempt, scene.may_keep);
    session_free(session);
}

static void run(const char *const *replies)
{
    test_server_run(&server, replies, run_client, NULL);
}

#define HELLO      "220 mx.test\r\n", "250 mx.test\r\n"
#define GREETING   "220 mx.test\r\n"
#define PIPELINING "250-mx.test\r\n250 PIPELINING\r\n"

static void test_plain(void **state)
{
    static const char *const replies[] = {HELLO,        "250 ok\r\n",          "250 ok\r\n",
                                          "354 go\r\n", "250 2.0.0 taken\r\n", NULL};

    (void)state;
    set_scene("A: b\n\n.dot\n..\nlast\n", 1);
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_DONE);
    assert_slice_equal(buf_slice(&server.heard),
                       "EHLO client.test\r\nMAIL FROM:<sender@example.test>\r\n"
                       "RCPT TO:<r0@x.test>\r\nDATA\r\n"
                       "A: b\r\n\r\n..dot\r\n...\r\nlast\r\n.\r\n");
    assert_int_equal(scene.attempt.n_pending, 0);
    assert_true(scene.recipients[0].done);
    assert_true(
        slice_find_text(buf_slice(&logged), SLICE("dsn=2.0.0, status=sent (250 2.0.0 taken)")) <
        logged.len);
}

static void test_extensions(void **state)
{
    static const char *const replies[] = {
        GREETING,
        "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250 DSN\r\n",
        "250 ok\r\n",
        "250 ok\r\n",
        "354 go\r\n",
        "250 taken\r\n",
        NULL};

    (void)state;
    set_scene("A: b\n", 1);
    struct delivery_request *request = &scene.message.delivery.request;
    request->sender = SLICE("");
    request->encoding = SLICE("8bit");
    request->envelope_id = SLICE("a+b=c d");
    request->ret = RET_HEADERS;
    scene.recipients[0].dsn_original = SLICE("rfc822;r+0@x.test");
    scene.recipients[0].notify = NOTIFY_FAILURE | NOTIFY_DELAY;
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_QUIT); /* pipelined behind the dot */
    assert_slice_equal(buf_slice(&server.heard),
                       "EHLO client.test\r\n"
                       "MAIL FROM:<> SIZE=5 BODY=8BITMIME ENVID=a+2Bb+3Dc+20d RET=HDRS\r\n"
                       "RCPT TO:<r0@x.test> ORCPT=rfc822;r+2B0@x.test NOTIFY=FAILURE,DELAY\r\n"
                       "DATA\r\nA: b\r\n.\r\nQUIT\r\n");
}

static void test_quotes(void **state)
{
    static const char *const replies[] = {HELLO, "550 no\r\n", NULL};

    (void)state;
    set_scene("A: b\n", 1);
    scene.message.delivery.request.sender = SLICE("a b@example.test");
    options.quotes_envelope = true;
    run(replies);
    assert_slice_equal(buf_slice(&server.heard),
                       "EHLO client.test\r\nMAIL FROM:<\"a b\"@example.test>\r\n");
    tear_down(NULL);
    set_scene("A: b\n", 1);
    scene.message.delivery.request.sender = SLICE("a b@example.test");
    options.quotes_envelope = false;
    run(replies);
    options.quotes_envelope = true;
    assert_slice_equal(buf_slice(&server.heard),
                       "EHLO client.test\r\nMAIL FROM:<a b@example.test>\r\n");
}

/* Only what the server takes; what is not known is said to be so. */
static void test_xforward(void **state)
{
    static const char *const replies[] = {
        GREETING,     "250-mx.test\r\n250 XFORWARD NAME ADDR PROTO SOURCE\r\n",
        "250 ok\r\n", "550 no\r\n",
        "250 ok\r\n", "250 ok\r\n",
        "354 go\r\n", "250 taken\r\n",
        NULL};

    (void)state;
    set_scene("A: b\n", 1);
    struct delivery_request *request = &scene.message.delivery.request;

    options.send_xforward = true;
    request->log_client_name = SLICE("a+b.test");
    request->log_client_address = SLICE("2001:db8::1");
    request->log_client_protocol = SLICE("");
    request->rewrite_context = SLICE("remote");
    run(replies);
    options.send_xforward = false;
    assert_int_equal(scene.result, TRANSACTION_DONE);
    assert_slice_equal(buf_slice(&server.heard),
                       "EHLO client.test\r\n"
                       "XFORWARD NAME=a+2Bb.test ADDR=IPV6:2001:db8::1\r\n"
                       "XFORWARD PROTO=[UNAVAILABLE] SOURCE=REMOTE\r\n"
                       "MAIL FROM:<sender@example.test>\r\n"
                       "RCPT TO:<r0@x.test>\r\nDATA\r\nA: b\r\n.\r\n");
}

/* Behind a refused recipient the others go on; it stays, for another host. */
static void test_one_is_refused_for_now(void **state)
{
    static const char *const replies[] = {
        GREETING,     PIPELINING,   "250 ok\r\n",    "250 ok\r\n", "450 4.2.1 not now\r\n",
        "250 ok\r\n", "354 go\r\n", "250 taken\r\n", NULL};

    (void)state;
    set_scene("A: b\n", 3);
    run(replies);
    assert_int_equal(scene.attempt.n_pending, 1);
    assert_ptr_equal(scene.attempt.pending[0], &scene.recipients[1]);
    assert_true(scene.recipients[0].done && scene.recipients[2].done);
    assert_string_equal(scene.attempt.last.status, "4.2.1");
    assert_true(slice_ends_with(scene.attempt.last.reason,
                                " said: 450 4.2.1 not now (in reply to RCPT TO command)"));
}

static void test_all_are_refused_for_now(void **state)
{
    static const char *const replies[] = {GREETING,
                                          PIPELINING,
                                          "250 ok\r\n",
                                          "450 not now\r\n",
                                          "450 not now\r\n",
                                          "554 no recipients\r\n",
                                          NULL};

    (void)state;
    set_scene("A: b\n", 2);
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_DONE);
    assert_int_equal(scene.attempt.n_pending, 2);
    assert_false(scene.recipients[0].done);
}

/* What the server must have forgotten before the next message is offered to it. */
static const struct {
    const char *name;
    const char *last_heard;
    const char *replies[9];
    enum transaction result;
    bool may_keep;
} resets[] = {
    {"no recipient is left",
     "DATA\r\nRSET\r\n",
     {GREETING, PIPELINING, "250 ok\r\n", "450 no\r\n", "554 none\r\n", "250 reset\r\n"},
     TRANSACTION_DONE,
     true},
    {"no recipient is left, and it wants data",
     "DATA\r\n.\r\n",
     {GREETING, PIPELINING, "250 ok\r\n", "450 no\r\n", "354 go\r\n", "554 no\r\n",
      "250 reset\r\n"},
     TRANSACTION_DONE,
     true},
    {"no sender",
     "DATA\r\nRSET\r\n",
     {GREETING, PIPELINING, "450 no\r\n", "503 no\r\n", "503 no\r\n", "250 reset\r\n"},
     TRANSACTION_DONE,
     true},
    {"no pipelining",
     "RCPT TO:<r0@x.test>\r\nRSET\r\n",
     {HELLO, "250 ok\r\n", "450 no\r\n", "250 reset\r\n"},
     TRANSACTION_DONE,
     true},
    {"it does not forget",
     "DATA\r\nRSET\r\n",
     {GREETING, PIPELINING, "250 ok\r\n", "450 no\r\n", "554 none\r\n", "500 what\r\n"},
     TRANSACTION_BROKEN,
     true},
    {"it closes",
     "DATA\r\n",
     {GREETING, PIPELINING, "250 ok\r\n", "450 no\r\n", "421 bye\r\n"},
     TRANSACTION_BROKEN,
     true},
    {"not for QUIT alone",
     "RCPT TO:<r0@x.test>\r\n",
     {HELLO, "250 ok\r\n", "450 no\r\n"},
     TRANSACTION_DONE,
     false},
};

static void test_reset(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
        test_case(resets[i].name);
        set_scene("A: b\n", 1);
        scene.may_keep = resets[i].may_keep;
        run(resets[i].replies);
        assert_int_equal(scene.result, resets[i].result);
        if (!slice_ends_with(buf_slice(&server.heard), resets[i].last_heard))
            fail_msg("heard: %s", server.heard.data);
        if (i + 1 < ARRAY_SIZE(resets))
            test_message_release(&scene.message);
    }
}

/* RFC 2920 section 3.1: then it gets an empty message. */
static void test_takes_data_without_recipients(void **state)
{
    static const char *const replies[] = {
        GREETING,     PIPELINING,        "250 ok\r\n", "450 not now\r\n",
        "354 go\r\n", "554 nothing\r\n", NULL};

    (void)state;
    set_scene("A: b\n", 1);
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_DONE);
    assert_true(slice_ends_with(buf_slice(&server.heard), "DATA\r\n.\r\n"));
    assert_int_equal(scene.attempt.n_pending, 1);
}

static void test_sender_is_refused(void **state)
{
    static const char *const replies[] = {HELLO, "451 4.7.1 later\r\n", NULL};

    (void)state;
    set_scene("A: b\n", 2);
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_DONE);
    assert_int_equal(scene.attempt.n_pending, 2);
    assert_true(slice_ends_with(scene.attempt.last.reason,
                                " said: 451 4.7.1 later (in reply to MAIL FROM command)"));
}

static void test_connection_breaks(void **state)
{
    static const char *const replies[] = {HELLO,        "250 ok\r\n", "250 ok\r\n",
                                          "354 go\r\n", "",           NULL};

    (void)state;
    set_scene("A: b\n", 1);
    run(replies);
    assert_int_equal(scene.result, TRANSACTION_BROKEN);
    assert_int_equal(scene.attempt.n_pending, 1);
    assert_string_equal(scene.attempt.last.status, "4.4.2");
    assert_true(
        slice_ends_with(scene.attempt.last.reason,
                        " while sending end of data -- message may be sent more than once"));
}

static void test_too_big(void **state)
{
    static const char *const replies[] = {GREETING, "250-mx.test\r\n250 SIZE 4\r\n", NULL};

    (void)state;
    set_scene("A: b\n", 1);
    scene.message.delivery.request.data_size = 5;
    /* Whoever refuses for good is accounted for by bounce, which is not there: deferred. */
    run(replies);
    assert_slice_equal(buf_slice(&server.heard), "EHLO client.test\r\n");
    assert_true(slice_find_text(buf_slice(&logged), SLICE("status=bounced")) == logged.len);
}

/* Each recipient has a verdict of its own. */
static void test_lmtp(void **state)
{
    static const char *const replies[] = {HELLO,        "250 ok\r\n",
                                          "250 ok\r\n", "250 ok\r\n",
                                          "354 go\r\n", "250 one\r\n452 other\r\n",
                                          NULL};

    (void)state;
    set_scene("A: b\n", 2);
    options.is_lmtp = true;
    run(replies);
    options.is_lmtp = false;
    assert_int_equal(scene.attempt.n_pending, 1);
    assert_true(scene.recipients[0].done);
    assert_ptr_equal(scene.attempt.pending[0], &scene.recipients[1]);
    assert_true(slice_starts_with(buf_slice(&server.heard), "LHLO client.test\r\n"));
}

static const struct {
    const char *name;
    int limit;
    const char *content, *wire;
} lines[] = {
    {"short enough", 5, "12345\n", "12345\r\n"},
    {"one too many", 5, "123456\n", "12345\r\n 6\r\n"},
    {"several times", 4, "1234567890\n", "1234\r\n 567\r\n 890\r\n"},
    {"a dot where it is cut", 4, "1234.56\n", "1234\r\n .56\r\n"},
    {"a dot in front counts once", 4, ".234\n", "..234\r\n"},
    {"no limit", 0, "1234567890\n", "1234567890\r\n"},
    {"too small to cut at", 1, "123\n", "123\r\n"},
};

static void test_lines(void **state)
{
    static const char *const replies[] = {HELLO,        "250 ok\r\n",    "250 ok\r\n",
                                          "354 go\r\n", "250 taken\r\n", NULL};
    int before = options.line_length_limit;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP(buf_release) struct buf end = BUF_INIT;

        test_case(lines[i].name);
        options.line_length_limit = lines[i].limit;
        set_scene(lines[i].content, 1);
        run(replies);
        buf_printf(&end, "DATA\r\n%s.\r\n", lines[i].wire);
        if (!slice_ends_with(buf_slice(&server.heard), end.data))
            fail_msg("sent: %s", server.heard.data);
        if (i + 1 < ARRAY_SIZE(lines))
            test_message_release(&scene.message);
    }
    options.line_length_limit = before;
}

static int start(void **state)
{
    (void)state;
    test_options(false);
    test_server_open(&server);
    buf_init(&logged);
    log_hook = keep_line;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    log_hook = NULL;
    test_server_close(&server);
    buf_release(&logged);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_plain, tear_down),
        cmocka_unit_test_teardown(test_extensions, tear_down),
        cmocka_unit_test_teardown(test_quotes, tear_down),
        cmocka_unit_test_teardown(test_xforward, tear_down),
        cmocka_unit_test_teardown(test_one_is_refused_for_now, tear_down),
        cmocka_unit_test_teardown(test_all_are_refused_for_now, tear_down),
        cmocka_unit_test_teardown(test_reset, tear_down),
        cmocka_unit_test_teardown(test_takes_data_without_recipients, tear_down),
        cmocka_unit_test_teardown(test_sender_is_refused, tear_down),
        cmocka_unit_test_teardown(test_connection_breaks, tear_down),
        cmocka_unit_test_teardown(test_too_big, tear_down),
        cmocka_unit_test_teardown(test_lmtp, tear_down),
        cmocka_unit_test_teardown(test_lines, tear_down),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
