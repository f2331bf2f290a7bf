#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "co/co.h"

/* Each test runs twice: outside of coroutines, and as a coroutine with its peer as another. */
struct ends {
    struct stream stream;
    int peer;
};

static int open_ends(void **state)
{
    static struct ends ends;
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    stream_init(&ends.stream, pair[0]);
    stream_set_deadline(&ends.stream, deadline_in(SECONDS(10)));
    ends.peer = pair[1];
    *state = &ends;
    return 0;
}

static int close_ends(void **state)
{
    struct ends *ends = *state;

    stream_release(&ends->stream);
    stream_release(&ends->stream);
    if (ends->peer >= 0)
        return close(ends->peer);
    return 0;
}

static void peer_sends(struct ends *ends, const char *text)
{
    assert_int_equal(write(ends->peer, text, strlen(text)), strlen(text));
}

static void peer_closes(struct ends *ends)
{
    assert_int_equal(close(ends->peer), 0);
    ends->peer = -1;
}

static void assert_peer_got(struct ends *ends, const char *text)
{
    char bytes[256];
    ssize_t n = recv(ends->peer, bytes, sizeof(bytes), MSG_DONTWAIT);

    assert_slice_equal(slice_of(bytes, n < 0 ? 0 : (size_t)n), text);
}

static const struct {
    const char *name, *input;
    size_t max;

    struct {
        enum line_result result;
        const char *line;
    } expected[5];
} line_cases[] = {
    {"lines",
     "a\nbc\r\n\n",
     10,
     {{LINE_OK, "a"}, {LINE_OK, "bc\r"}, {LINE_OK, ""}, {LINE_END, ""}}},
    {"last line without end", "a\nbc", 10, {{LINE_OK, "a"}, {LINE_END, "bc"}, {LINE_END, ""}}},
    {"as long as allowed", "abc\nd\n", 3, {{LINE_OK, "abc"}, {LINE_OK, "d"}, {LINE_END, ""}}},
    {"too long",
     "abcd\ne\n",
     3,
     {{LINE_TOO_LONG, "abc"}, {LINE_OK, "d"}, {LINE_OK, "e"}, {LINE_END, ""}}},
    {"far too long",
     "abcdefg\n",
     3,
     {{LINE_TOO_LONG, "abc"}, {LINE_TOO_LONG, "def"}, {LINE_OK, "g"}, {LINE_END, ""}}},
    {"nothing", "", 3, {{LINE_END, ""}}},
};

static void check_lines(struct ends *ends, size_t row)
{
    peer_sends(ends, line_cases[row].input);
    peer_closes(ends);
    for (size_t i = 0;; i++) {
        struct slice line;
        enum line_result result = stream_read_line(&ends->stream, &line, line_cases[row].max);

        assert_int_equal(result, line_cases[row].expected[i].result);
        assert_slice_equal(line, line_cases[row].expected[i].line);
        if (line_cases[row].expected[i].result == LINE_END)
            break;
    }
}

static void test_read_line(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(line_cases); i++) {
        test_case(line_cases[i].name);
        check_lines(*state, i);
        assert_int_equal(close_ends(state), 0);
        assert_int_equal(open_ends(state), 0);
    }
}

static void test_read_exact_and_fill(void **state)
{
    struct ends *ends = *state;
    struct slice available;
    char bytes[3];

    peer_sends(ends, "abcdef");
    assert_int_equal(stream_read_exact(&ends->stream, bytes, 3), 0);
    assert_memory_equal(bytes, "abc", 3);
    assert_int_equal(stream_pending(&ends->stream), 3);
    assert_int_equal(stream_fill(&ends->stream, &available), 0);
    assert_slice_equal(available, "def");
    stream_consume(&ends->stream, 1);
    peer_sends(ends, "gh");
    assert_int_equal(stream_fill_least(&ends->stream, 4, &available), 0);
    assert_slice_equal(available, "efgh");
    peer_closes(ends);
    assert_int_equal(stream_fill_least(&ends->stream, 5, &available), -1);
    assert_int_equal(ends->stream.state, STREAM_END);
    assert_string_equal(stream_trouble(&ends->stream), "connection closed");
    assert_int_equal(ends->stream.bytes_in, 8);
}

static void test_output_is_kept_until_needed(void **state)
{
    struct ends *ends = *state;
    struct slice line;

    assert_int_equal(stream_printf(&ends->stream, "%d-%s", 250, "x\r\n"), 0);
    assert_int_equal(stream_write(&ends->stream, "y", 1), 0);
    assert_peer_got(ends, "");
    peer_sends(ends, "a\nb\n");
    /* There is input: no reason to send yet. */
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_peer_got(ends, "");
    stream_set_deadline(&ends->stream, deadline_in(1));
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_TIMEOUT);
    assert_peer_got(ends, "250-x\r\ny");
    assert_int_equal(ends->stream.bytes_out, 8);
}

static void test_timeout_and_second_chance(void **state)
{
    struct ends *ends = *state;
    struct slice line;

    stream_set_deadline(&ends->stream, deadline_in(2));
    peer_sends(ends, "half a l");
    assert_int_equal(stream_read_line(&ends->stream, &line, 100), LINE_TIMEOUT);
    assert_string_equal(stream_trouble(&ends->stream), "timed out");
    assert_int_equal(stream_write(&ends->stream, "421\n", 4), -1);
    stream_set_deadline(&ends->stream, deadline_in(SECONDS(10)));
    assert_int_equal(stream_write(&ends->stream, "421\n", 4), 0);
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_peer_got(ends, "421\n");
    peer_sends(ends, "ine\n");
    assert_int_equal(stream_read_line(&ends->stream, &line, 100), LINE_OK);
    assert_slice_equal(line, "half a line");
}

static void test_writing_to_who_is_gone(void **state)
{
    struct ends *ends = *state;

    peer_closes(ends);
    assert_int_equal(stream_write(&ends->stream, "x", 1), 0);
    assert_int_equal(stream_flush(&ends->stream), -1);
    assert_int_equal(ends->stream.state, STREAM_FAILED);
    assert_int_equal(ends->stream.saved_errno, EPIPE);
    assert_string_equal(stream_trouble(&ends->stream), "Broken pipe");
}

static void test_writing_after_the_end(void **state)
{
    struct ends *ends = *state;
    struct slice line;

    assert_int_equal(shutdown(ends->peer, SHUT_WR), 0);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_END);
    assert_int_equal(stream_write_slice(&ends->stream, SLICE("bye")), 0);
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_peer_got(ends, "bye");
}

static void test_has_input(void **state)
{
    struct ends *ends = *state;
    struct slice line;

    assert_false(stream_has_input(&ends->stream));
    peer_sends(ends, "a\nb\n");
    assert_true(stream_has_input(&ends->stream));
    assert_int_equal(stream_pending(&ends->stream), 0);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_true(stream_has_input(&ends->stream));
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_false(stream_has_input(&ends->stream));
    peer_closes(ends);
    assert_true(stream_has_input(&ends->stream));
}

static void test_shrink(void **state)
{
    struct ends *ends = *state;
    struct slice line;

    peer_sends(ends, "a\nb\n");
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_int_equal(stream_write(&ends->stream, "x", 1), 0);
    stream_shrink(&ends->stream);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_slice_equal(line, "b");
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_peer_got(ends, "x");
    stream_shrink(&ends->stream);
    assert_int_equal(ends->stream.in.capacity, 0);
    assert_int_equal(ends->stream.out.capacity, 0);
}

static void test_files(void **state)
{
    struct ends *ends = *state;
    char name[] = "/tmp/stream-test.XXXXXX";
    int fd = mkstemp(name);
    struct slice line;

    stream_release(&ends->stream);
    stream_init(&ends->stream, fd);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(stream_printf(&ends->stream, "one\ntwo\n"), 0);
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_slice_equal(line, "two");
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_END);
}

static char rot13(char c)
{
    return ascii_is_alpha(c) ? "nopqrstuvwxyzabcdefghijklm"[c - 'a'] : c;
}

/* A layer that turns letters upside down, and whose socket is never drained by a short read. */
static ssize_t rot13_read(struct stream *stream, void *data, size_t len, unsigned *wait_for)
{
    char *bytes = data;
    ssize_t n = read(stream->fd, data, len < 2 ? len : 2);

    *wait_for = 1; /* EPOLLIN */
    for (ssize_t i = 0; i < n; i++)
        bytes[i] = rot13(bytes[i]);
    return n;
}

static ssize_t rot13_write(struct stream *stream, const void *data, size_t len,
                           unsigned *wait_for)
{
    char c = rot13(*(const char *)data);

    (void)len;
    *wait_for = 4; /* EPOLLOUT */
    return write(stream->fd, &c, 1);
}

static int n_releases;

static void rot13_release(struct stream *stream)
{
    assert_ptr_equal(stream->layer_data, &n_releases);
    n_releases++;
}

static void test_layer(void **state)
{
    static const struct stream_layer layer = {rot13_read, rot13_write, rot13_release};
    struct ends *ends = *state;
    struct slice line;

    n_releases = 0;
    stream_set_layer(&ends->stream, &layer, &n_releases);
    assert_false(stream_has_input(&ends->stream));
    peer_sends(ends, "uryyb\n");
    assert_true(stream_has_input(&ends->stream));
    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_OK);
    assert_slice_equal(line, "hello");
    assert_int_equal(stream_printf(&ends->stream, "hello"), 0);
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_peer_got(ends, "uryyb");
    stream_release(&ends->stream);
    assert_int_equal(n_releases, 1);
}

/* Much data both ways between two coroutines, through sockets that fill up. */
#define MUCH ((size_t)3 * 1024 * 1024 + 17)

static void send_much(void *arg)
{
    struct ends *ends = arg;
    static char block[100000];
    size_t left = MUCH, step = 1;

    memset(block, 'x', sizeof(block));
    while (left) {
        size_t n = step < left ? step : left;

        assert_int_equal(stream_write(&ends->stream, block, n), 0);
        left -= n;
        step = step * 3 % sizeof(block) + 1;
    }
    assert_int_equal(stream_flush(&ends->stream), 0);
    stream_release(&ends->stream);
}

static void receive_much(void *arg)
{
    struct ends *ends = arg;
    CLEANUP(stream_release) struct stream stream;
    struct slice available;
    size_t got = 0;

    stream_init(&stream, ends->peer);
    ends->peer = -1;
    stream_set_deadline(&stream, deadline_in(SECONDS(30)));
    while (stream_fill(&stream, &available) == 0) {
        got += available.len;
        stream_consume(&stream, available.len);
    }
    assert_int_equal(stream.state, STREAM_END);
    assert_int_equal(got, MUCH);
    assert_int_equal(stream.buffer_bytes, 65536);
}

static void test_much_data(void **state)
{
    assert_non_null(co_spawn("sender", send_much, *state));
    assert_non_null(co_spawn("receiver", receive_much, *state));
    co_run();
}

/* Question and answer in turn, as a session goes; the last answer comes with the end. */
static void answer(void *arg)
{
    struct ends *ends = arg;
    struct slice line;
    int n = 0;

    while (stream_read_line(&ends->stream, &line, 100) == LINE_OK) {
        assert_int_equal(stream_printf(&ends->stream, "%.*s to you\n", SLICE_ARG(line)), 0);
        n++;
    }
    assert_int_equal(n, 100);
    assert_int_equal(ends->stream.state, STREAM_END);
}

static void ask(void *arg)
{
    struct ends *ends = arg;
    CLEANUP(stream_release) struct stream stream;
    struct slice line;

    stream_init(&stream, ends->peer);
    ends->peer = -1;
    stream_set_deadline(&stream, deadline_in(SECONDS(10)));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(stream_printf(&stream, "hello\n"), 0);
        if (i % 10 == 0)
            co_yield();
        assert_int_equal(stream_read_line(&stream, &line, 100), LINE_OK);
        assert_slice_equal(line, "hello to you");
    }
}

static void test_conversation(void **state)
{
    assert_non_null(co_spawn("server", answer, *state));
    assert_non_null(co_spawn("client", ask, *state));
    co_run();
}

static void be_cancelled(void *arg)
{
    struct ends *ends = arg;
    struct slice line;

    assert_int_equal(stream_read_line(&ends->stream, &line, 10), LINE_FAILED);
    assert_int_equal(ends->stream.state, STREAM_CANCELLED);
    assert_string_equal(stream_trouble(&ends->stream), "cancelled");
    stream_set_deadline(&ends->stream, deadline_in(1000));
    assert_int_equal(stream_printf(&ends->stream, "421\n"), 0);
    assert_int_equal(stream_flush(&ends->stream), 0);
    assert_peer_got(ends, "421\n");
}

static void cancel(void *arg)
{
    co_cancel(arg);
}

static void test_cancelled(void **state)
{
    struct co *victim = co_spawn("victim", be_cancelled, *state);

    assert_non_null(victim);
    assert_non_null(co_spawn("canceller", cancel, victim));
    co_run();
}

typedef void test_fn(void **state);

struct wrapped {
    test_fn *test;
    void **state;
};

static void run_wrapped(void *arg)
{
    const struct wrapped *wrapped = arg;

    wrapped->test(wrapped->state);
}

/* The test again, inside a coroutine. */
static void in_coroutine(test_fn *test, void **state)
{
    struct wrapped wrapped = {test, state};

    assert_non_null(co_spawn("test", run_wrapped, &wrapped));
    co_run();
}

#define IN_COROUTINE(name)              \
    static void name##_co(void **state) \
    {                                   \
        in_coroutine(name, state);      \
    }

IN_COROUTINE(test_read_line)
IN_COROUTINE(test_read_exact_and_fill)
IN_COROUTINE(test_output_is_kept_until_needed)
IN_COROUTINE(test_timeout_and_second_chance)
IN_COROUTINE(test_writing_to_who_is_gone)
IN_COROUTINE(test_writing_after_the_end)
IN_COROUTINE(test_has_input)
IN_COROUTINE(test_shrink)
IN_COROUTINE(test_files)
IN_COROUTINE(test_layer)

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_ends, close_ends)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read_line),
        TEST(test_read_exact_and_fill),
        TEST(test_output_is_kept_until_needed),
        TEST(test_timeout_and_second_chance),
        TEST(test_writing_to_who_is_gone),
        TEST(test_writing_after_the_end),
        TEST(test_has_input),
        TEST(test_shrink),
        TEST(test_files),
        TEST(test_layer),
        TEST(test_read_line_co),
        TEST(test_read_exact_and_fill_co),
        TEST(test_output_is_kept_until_needed_co),
        TEST(test_timeout_and_second_chance_co),
        TEST(test_writing_to_who_is_gone_co),
        TEST(test_writing_after_the_end_co),
        TEST(test_has_input_co),
        TEST(test_shrink_co),
        TEST(test_files_co),
        TEST(test_layer_co),
        TEST(test_much_data),
        TEST(test_conversation),
        TEST(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
