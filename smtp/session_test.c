#include "session.h"

#include <string.h>
#include <sys/socket.h>

#include "test_server.h"

static struct test_server server;

/* What the client found. */
static struct {
    bool has_session, connected;
    unsigned features;
    int64_t size_limit;
    struct arena arena;
    struct tls_policy policy;
    struct dsn dsn;
} found;

static void open_session(void *arg)
{
    (void)arg;
    struct opening opening = {.host = &server.host,
                              .policy = &found.policy,
                              .nexthop = SLICE("next.test"),
                              .arena = &found.arena};
    struct session *session = session_open(&opening);
    found.has_session = session != NULL;
    found.connected = session || opening.failure != OPENING_NOT_CONNECTED;
    found.dsn = opening.dsn;
    if (!session)
        return;
    found.features = session->features;
    found.size_limit = session->size_limit;
    session_quit(session);
}

static void run(const char *const *replies)
{
    arena_reset(&found.arena);
    test_server_run(&server, replies, open_session, NULL);
}

#define ESMTP "220 mx.test ESMTP\r\n"

static const struct {
    const char *name;
    const char *replies[4];
    unsigned features;
    int64_t size_limit;
    const char *heard;
} welcomes[] = {
    {"all that we use",
     {ESMTP,
      "250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-DSN\r\n"
      "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n",
      "221 bye\r\n"},
     FEATURE_PIPELINING | FEATURE_SIZE | FEATURE_8BITMIME | FEATURE_DSN | FEATURE_STATUS_CODES |
         FEATURE_SMTPUTF8,
     1000,
     "EHLO client.test\r\nQUIT\r\n"},
    {"one line",
     {ESMTP, "250 mx.test\r\n", "221 bye\r\n"},
     0,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"the first line names no extension",
     {ESMTP, "250 PIPELINING\r\n", "221 bye\r\n"},
     0,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"any case; SIZE without a number",
     {ESMTP, "250-mx.test\r\n250-pipelining\r\n250 Size\r\n", "221 bye\r\n"},
     FEATURE_PIPELINING | FEATURE_SIZE,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"SIZE that is no number",
     {ESMTP, "250-mx.test\r\n250 SIZE 10MB\r\n", "221 bye\r\n"},
     FEATURE_SIZE,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"words that only start alike",
     {ESMTP, "250-mx.test\r\n250-PIPELININGS\r\n250 X-DSN\r\n", "221 bye\r\n"},
     0,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"numbers in a line that look like a reply code",
     {ESMTP, "250-mx 250 SIZE 5\r\n250-SIZE 250\r\n250 DSN\r\n", "221 bye\r\n"},
     FEATURE_SIZE | FEATURE_DSN,
     250,
     "EHLO client.test\r\nQUIT\r\n"},
    {"greeting of several lines, ending in LF alone",
     {"220-mx.test\n220-welcome\n220 here\n", "250-mx.test\n250 DSN\n", "221 bye\n"},
     FEATURE_DSN,
     0,
     "EHLO client.test\r\nQUIT\r\n"},
    {"HELO where EHLO is refused",
     {ESMTP, "502 what?\r\n", "250 mx.test\r\n", "221 bye\r\n"},
     0,
     0,
     "EHLO client.test\r\nHELO client.test\r\nQUIT\r\n"},
};

static void test_welcome(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(welcomes); i++) {
        const char *replies[5] = {0};

        test_case(welcomes[i].name);
        memcpy(replies, welcomes[i].replies, sizeof(welcomes[i].replies));
        run(replies);
        assert_true(found.has_session);
        assert_int_equal(found.features, welcomes[i].features);
        assert_int_equal(found.size_limit, welcomes[i].size_limit);
        assert_slice_equal(buf_slice(&server.heard), welcomes[i].heard);
    }
}

static const struct {
    const char *name;
    const char *replies[3];
    const char *status, *before, *after; /* the reason around the server's name */
} refusals[] = {
    {"not now", {"421 busy\r\n"}, "4.0.0", "host ", " refused to talk to me: 421 busy"},
    {"not now, with a status",
     {"421 4.3.2 busy\r\n"},
     "4.3.2",
     "host ",
     " refused to talk to me: 421 4.3.2 busy"},
    {"codes that have no place there",
     {"610 5.7.1 what\r\n"},
     "5.5.0",
     "host ",
     " refused to talk to me: 610 5.7.1 what"},
    {"a code below all others",
     {"099 what\r\n"},
     "5.5.0",
     "host ",
     " refused to talk to me: 099 what"},
    /* smtp_skip_5xx_greeting: another host may think otherwise. */
    {"never",
     {"554 5.7.1 go away\r\n"},
     "4.7.1",
     "host ",
     " refused to talk to me: 554 5.7.1 go away"},
    {"a status of another class is none",
     {"421 5.3.2 busy\r\n"},
     "4.0.0",
     "host ",
     " refused to talk to me: 421 5.3.2 busy"},
    {"lines are joined",
     {"421-one\r\n421 two\r\n"},
     "4.0.0",
     "host ",
     " refused to talk to me: 421-one 421 two"},
    {"hello is refused",
     {ESMTP, "421 bye\r\n"},
     "4.0.0",
     "host ",
     " refused to talk to me: 421 bye"},
    {"ends at once",
     {""},
     "4.4.2",
     "lost connection with ",
     " while receiving the initial server greeting"},
    {"ends within a line",
     {"220 mx"},
     "4.4.2",
     "lost connection with ",
     " while receiving the initial server greeting"},
    {"ends behind the greeting",
     {ESMTP},
     "4.4.2",
     "lost connection with ",
     " while performing the EHLO handshake"},
    {"ends within a reply",
     {ESMTP, "250-mx.test\r\n250-DSN\r\n"},
     "4.4.2",
     "lost connection with ",
     " while performing the EHLO handshake"},
    {"control bytes do not reach the log",
     {"421 \a\033[1m\r\n"},
     "4.0.0",
     "host ",
     " refused to talk to me: 421 ??[1m"},
};

static void test_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        CLEANUP(buf_release) struct buf reason = BUF_INIT;
        const char *replies[4] = {0};

        test_case(refusals[i].name);
        memcpy(replies, refusals[i].replies, sizeof(refusals[i].replies));
        run(replies);
        assert_false(found.has_session);
        assert_true(found.connected);
        assert_string_equal(found.dsn.status, refusals[i].status);
        buf_printf(&reason, "%smx.test[%s]%s", refusals[i].before, server.path,
                   refusals[i].after);
        assert_slice_equal(found.dsn.reason, reason.data);
    }
}

static void test_not_connected(void **state)
{
    (void)state;
    struct slice path = server.host.unix_path;
    server.host.unix_path = SLICE("/does/not/exist");
    open_session(NULL);
    server.host.unix_path = path;
    assert_false(found.has_session);
    assert_false(found.connected);
    assert_string_equal(found.dsn.status, "4.4.1");
    assert_slice_equal(found.dsn.reason,
                       "connect to mx.test[/does/not/exist]: No such file or directory");
}

static void test_silent_server(void **state)
{
    static const char *const replies[] = {NULL};
    CLEANUP(buf_release) struct buf reason = BUF_INIT;

    (void)state;
    options.helo_timeout = 20;
    server.replies = replies; /* nobody accepts: the connection waits in the kernel */
    open_session(NULL);
    options.helo_timeout = SECONDS(10);
    assert_string_equal(found.dsn.status, "4.4.2");
    buf_printf(&reason,
               "conversation with mx.test[%s] timed out while receiving the initial server "
               "greeting",
               server.path);
    assert_slice_equal(found.dsn.reason, reason.data);
    struct endpoint peer;
    struct error error;
    CLEANUP(fd_close)
    int fd = socket_accept(server.listener, &peer, deadline_in(SECONDS(10)), &error);
    assert_true(fd >= 0);
}

static void test_endless_reply(void **state)
{
    enum { LINES = 5000 };
    CLEANUP(buf_release) struct buf endless = BUF_INIT;
    const char *replies[] = {ESMTP, NULL, "221 bye\r\n", NULL};

    (void)state;
    for (int i = 0; i < LINES; i++)
        buf_add_text(&endless, "250-X-A-LONG-KEYWORD-THAT-NOBODY-NEEDS\r\n");
    buf_add_text(&endless, "250 DSN\r\n");
    replies[1] = endless.data;
    run(replies); /* what goes beyond the limit is dropped */
    assert_true(found.has_session);
}

/* What is behind the limit of a line is not the next reply. */
static void test_overlong_line(void **state)
{
    enum { LONG = 10000 };
    CLEANUP(buf_release) struct buf greeting = BUF_INIT;
    const char *replies[] = {NULL, "250 mx.test\r\n", "221 bye\r\n", NULL};

    (void)state;
    buf_add_text(&greeting, "220 ");
    buf_add_repeated(&greeting, 'x', LONG);
    buf_add_text(&greeting, "\r\n");
    replies[0] = greeting.data;
    run(replies);
    assert_true(found.has_session);
    assert_slice_equal(buf_slice(&server.heard), "EHLO client.test\r\nQUIT\r\n");
}

static void test_discarded_keywords(void **state)
{
    static const char *const replies[] = {ESMTP, "250-mx.test\r\n250-PIPELINING\r\n250 DSN\r\n",
                                          "221 bye\r\n", NULL};

    (void)state;
    options.discards.by_default = EHLO_PIPELINING | EHLO_CHUNKING;
    run(replies);
    options.discards.by_default = 0;
    assert_int_equal(found.features, FEATURE_DSN);
}

static void test_helo_only(void **state)
{
    static const char *const replies[] = {ESMTP, "250 mx.test\r\n", "221 bye\r\n", NULL};

    (void)state;
    options.never_send_ehlo = true;
    run(replies);
    options.never_send_ehlo = false;
    assert_slice_equal(buf_slice(&server.heard), "HELO client.test\r\nQUIT\r\n");
}

/* -- replies to commands ----------------------------------------------------------------------
 */

static const struct {
    const char *name, *bytes;
    enum step step;
    int code;
    const char *status, *text;
} replies[] = {
    {"success", "250 2.1.5 Ok\r\n", STEP_OK, 250, "2.1.5", "250 2.1.5 Ok"},
    {"no status", "250 Ok\r\n", STEP_OK, 250, "2.0.0", "250 Ok"},
    {"no text", "250\r\n", STEP_OK, 250, "2.0.0", "250"},
    {"not asked for", "354 end with a dot\r\n", STEP_REFUSED, 354, "5.5.0",
     "354 end with a dot"},
    {"for now", "450 4.2.1 later\r\n", STEP_REFUSED, 450, "4.2.1", "450 4.2.1 later"},
    {"for good", "550 5.1.1 who?\r\n", STEP_REFUSED, 550, "5.1.1", "550 5.1.1 who?"},
    {"two blanks", "550  5.1.1 who?\r\n", STEP_REFUSED, 550, "5.1.1", "550  5.1.1 who?"},
    {"the last line's code counts", "250-a\r\n550 b\r\n", STEP_REFUSED, 550, "5.0.0",
     "250-a 550 b"},
    {"an empty line is nothing", "\r\n250 a\r\n", STEP_OK, 250, "2.0.0", " 250 a"},
    {"no reply code", "hello\r\n250 a\r\n", STEP_OK, 250, "2.0.0", "hello 250 a"},
    {"a code without a blank", "250OK\r\n450 a\r\n", STEP_REFUSED, 450, "4.0.0", "250OK 450 a"},
    {"a code that there is not", "999 a\r\n", STEP_REFUSED, 999, "5.5.0", "999 a"},
    {"nothing but garbage", "hello\r\n", STEP_BROKEN, 0, NULL, NULL},
    {"end", "", STEP_BROKEN, 0, NULL, NULL},
};

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
        struct session session = {.label = BUF_INIT, .reply = BUF_INIT};
        int pair[2];

        test_case(replies[i].name);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        stream_init(&session.stream, pair[0]);
        assert_int_equal(fd_write_all(pair[1], replies[i].bytes, strlen(replies[i].bytes)), 0);
        fd_close(&pair[1]);
        assert_int_equal(session_reply(&session, SECONDS(10)), replies[i].step);
        if (replies[i].step != STEP_BROKEN) {
            assert_int_equal(session.code, replies[i].code);
            assert_string_equal(session.status, replies[i].status);
            assert_slice_equal(slice_trim(buf_slice(&session.reply)),
                               replies[i].text + (*replies[i].text == ' '));
        }
        stream_release(&session.stream);
        buf_release(&session.reply);
    }
}

static int start(void **state)
{
    (void)state;
    test_options(false);
    test_server_open(&server);
    arena_init(&found.arena);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_close(&server);
    arena_release(&found.arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_welcome),
        cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_not_connected),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_endless_reply),
        cmocka_unit_test(test_overlong_line),
        cmocka_unit_test(test_discarded_keywords),
        cmocka_unit_test(test_helo_only),
        cmocka_unit_test(test_replies),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
