#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/test.h"
#include "proxy.h"

static struct buf logged = {.data = buf_nothing};

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    buf_add_text(&logged, line);
}

/* A connection on which all that the filter will ever say has come. */
static struct stream filter_says(struct slice text)
{
    struct stream stream;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(send(ends[1], text.ptr, text.len, MSG_NOSIGNAL), (ssize_t)text.len);
    assert_int_equal(close(ends[1]), 0);
    stream_init(&stream, ends[0]);
    stream_set_deadline(&stream, deadline_in(SECONDS(10)));
    return stream;
}

static void test_replies(void **state)
{
    const struct {
        const char *name, *said;
        int code; /* 0: none comes */
        const char *dsn, *text, *log;
    } rows[] = {
        {"one line", "250 2.0.0 Ok\r\n", 250, "2.0.0", "Ok", ""},
        {"several lines", "550-5.7.1 no\r\n550 5.7.1 way\r\n", 550, "5.7.1", "no\nway", ""},
        {"no status", "250 mx.test\r\n", 250, "", "mx.test", ""},
        {"a code alone", "250\r\n", 250, "", "", ""},
        {"bare LF", "354 go on\n", 354, "", "go on", ""},
        {"the last code counts", "250-a\r\n451 4.3.0 b\r\n", 451, "4.3.0", "a\nb", ""},
        {"garbage first", "hello\r\n25\r\n250x\r\n199 no\r\n650 no\r\n250 Ok\r\n", 250, "",
         "Ok", "received garbage from proxy filter: hello"},
        {"nothing", "", 0, "", "", ""},
        {"ends in the midst", "250-a\r\n250", 0, "", "", ""},
        {"garbage alone", "\r\n\r\n", 0, "", "", "received garbage"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        CLEANUP(stream_release) struct stream stream = filter_says(slice_from(rows[i].said));
        struct smtp_reply reply = {.code = 0};

        test_case(rows[i].name);
        buf_reset(&logged);
        assert_int_equal(proxy_read_reply(&stream, "filter", &arena, &reply),
                         rows[i].code != 0);
        assert_int_equal(reply.code, rows[i].code);
        assert_string_equal(reply.dsn, rows[i].dsn);
        assert_slice_equal(reply.text, rows[i].text);
        assert_non_null(strstr(logged.data, rows[i].log));
    }
}

static void test_next_reply(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(stream_release)
    struct stream stream = filter_says(SLICE("250 one\r\n550-two\r\n550 three\r\n"));
    struct smtp_reply reply;

    (void)state;
    assert_true(proxy_read_reply(&stream, "filter", &arena, &reply));
    assert_slice_equal(reply.text, "one");
    assert_true(proxy_read_reply(&stream, "filter", &arena, &reply));
    assert_slice_equal(reply.text, "two\nthree");
    assert_false(proxy_read_reply(&stream, "filter", &arena, &reply));
}

/* A line of any length is one line, cut; what is kept of many lines is bounded. */
static void test_much_is_cut(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf said = BUF_INIT;
    struct smtp_reply reply;

    (void)state;
    buf_add_text(&said, "250-first\r\n250-");
    buf_add_repeated(&said, 'x', 10000);
    buf_add_text(&said, "\r\n");
    for (int i = 0; i < 300; i++) {
        buf_add_text(&said, "250-");
        buf_add_repeated(&said, 'y', 200);
        buf_add_text(&said, "\r\n");
    }
    buf_add_text(&said, "250 \r\n250 next\r\n");
    CLEANUP(stream_release) struct stream stream = filter_says(buf_slice(&said));

    assert_true(proxy_read_reply(&stream, "filter", &arena, &reply));
    assert_true(slice_starts_with(reply.text, "first\nxxxx"));
    assert_true(reply.text.len < 21000);
    assert_true(proxy_read_reply(&stream, "filter", &arena, &reply));
    assert_slice_equal(reply.text, "next");
}

static void test_no_end(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    CLEANUP(buf_release) struct buf said = BUF_INIT;
    struct smtp_reply reply;

    (void)state;
    buf_reset(&logged);
    for (int i = 0; i < 1100; i++)
        buf_add_text(&said, "250-a\r\n");
    CLEANUP(stream_release) struct stream stream = filter_says(buf_slice(&said));

    assert_false(proxy_read_reply(&stream, "filter", &arena, &reply));
    assert_non_null(strstr(logged.data, "a reply of more than 1000 lines"));
}

static int set_up(void **state)
{
    (void)state;
    log_hook = keep_line;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&logged);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_next_reply),
        cmocka_unit_test(test_much_is_cut),
        cmocka_unit_test(test_no_end),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
