#include "worker/worker.h"

#include <errno.h>
#include <poll.h>

#include "worker/test_master.h"

/* -- the workers -- */

/* Answers lines until "quit". */
static void serve_lines(struct worker_client *client)
{
    struct slice line;

    stream_set_deadline(&client->stream, deadline_in(PATIENCE));
    while (stream_read_line(&client->stream, &line, 100) == LINE_OK) {
        if (slice_equals(line, "quit") ||
            stream_printf(&client->stream, "%.*s\n", SLICE_ARG(line)) < 0)
            return;
    }
}

/* "slow": answers after the client has sent another byte. */
static int answer(struct channel *channel, enum message_number number, struct slice body)
{
    struct rewrite_request request;
    struct rewrite_reply reply;
    struct slice more;

    if (message_decode(number, body, &request, NULL) < 0)
        return -1;
    bool is_slow = slice_equals(request.address, "slow");

    stream_set_deadline(&channel->stream, deadline_in(PATIENCE));
    if (is_slow &&
        stream_fill_least(&channel->stream, stream_pending(&channel->stream) + 1, &more) < 0)
        return -1;
    if (is_slow) { /* drop that byte, so that the next frame begins where one should */
        stream_consume(&channel->stream, stream_pending(&channel->stream));
        channel->frame_bytes = 0;
        reply.address = SLICE("slowly");
    } else {
        reply.address = request.address;
    }
    return channel_send(channel, MESSAGE_rewrite_reply, &reply, NULL);
}

static void do_nothing(struct slice bytes)
{
    (void)bytes;
}

static const struct worker many_sessions = {
    .name = "test", .sessions_per_process = 100, .serve = serve_lines};
static const struct worker one_session = {
    .name = "test", .sessions_per_process = 1, .serve = serve_lines};
static const struct worker triggers = {
    .name = "test", .sessions_per_process = 100, .trigger = do_nothing};
static const struct worker many_requests = {
    .name = "test", .sessions_per_process = 100, .request = answer};
static const struct worker one_request = {
    .name = "test", .sessions_per_process = 1, .request = answer};
static const struct worker small_requests = {
    .name = "test", .sessions_per_process = 1, .request = answer, .requests_per_use = 2};

static void expect_no_look(void)
{
    struct control_message message;

    assert_int_equal(recv(master.control, &message, sizeof(message), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* -- clients -- */

static struct stream connect_lines(void)
{
    struct stream stream;

    stream_init(&stream, socket_connect_unix(SOCKET, deadline_in(PATIENCE), NULL));
    stream_set_deadline(&stream, deadline_in(PATIENCE));
    return stream;
}

static void exchange(struct stream *stream)
{
    struct slice line;

    assert_int_equal(stream_printf(stream, "hello\n"), 0);
    assert_int_equal(stream_read_line(stream, &line, 100), LINE_OK);
    assert_slice_equal(line, "hello");
}

static bool is_silent(struct stream *stream, int ms)
{
    struct pollfd poll_fd = {.fd = stream->fd, .events = POLLIN};

    return poll(&poll_fd, 1, ms) == 0;
}

/* -- the promises -- */

static const struct {
    const char *name;
    const struct worker *worker;
} servers[] = {{"many sessions", &many_sessions}, {"one session", &one_session}};

static void test_limit_of_one_session(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        test_case(servers[i].name);
        start(servers[i].worker, "1", 1);
        struct stream first = connect_lines();

        exchange(&first);
        expect_look();
        struct stream second = connect_lines();

        assert_int_equal(stream_printf(&second, "hello\n"), 0);
        assert_int_equal(stream_flush(&second), 0);
        assert_true(is_silent(&second, 50));
        atomic_store(&master.scoreboard->is_watched, 1);
        stream_release(&first);
        exchange(&second);
        expect_no_look(); /* master knows, and need not wake up */
        stream_release(&second);
        end();
    }
}

static void test_sessions_survive_draining(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        test_case(servers[i].name);
        start(servers[i].worker, "10", servers[i].worker == &one_session ? 10 : 1);
        struct stream session = connect_lines();

        exchange(&session);
        drain();
        exchange(&session);
        stream_release(&session);
        expect_end();
    }
}

static void test_max_use(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        test_case(servers[i].name);
        start(servers[i].worker, "1", 1);
        for (int n = 0; n < params.max_use; n++) {
            struct stream session = connect_lines();

            exchange(&session);
            stream_release(&session);
        }
        expect_end();
    }
}

static void test_max_use_of_small_requests(void **state)
{
    (void)state;
    start(&small_requests, "1", 1);
    struct channel channel = connect_channel();

    for (int n = 0; n < params.max_use * small_requests.requests_per_use; n++) {
        ask(&channel, "a");
        expect_answer(&channel, "a");
    }
    expect_goodbye(&channel);
    expect_end();
}

static void test_death_of_master(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        test_case(servers[i].name);
        start(servers[i].worker, "1", 1);
        close(master.control);
        master.control = -1;
        expect_end();
    }
}

static void test_sigterm(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
        test_case(servers[i].name);
        start(servers[i].worker, "1", 1);
        assert_int_equal(kill(master.worker, SIGTERM), 0);
        expect_end();
    }
}

/* The time that jobs would have is more than this test is given. */
static int64_t slow_clock(void)
{
    return time_now_ns() / 300000000;
}

static void test_nothing_holds_up_the_end(void **state)
{
    (void)state;
    time_test_monotonic = slow_clock; /* the worker's; nothing here waits by it */
    start(&triggers, "1", 1);
    time_test_monotonic = NULL;
    assert_int_equal(kill(master.worker, SIGTERM), 0);
    expect_end();
}

static const struct {
    const char *name;
    const struct worker *worker;
} answerers[] = {{"many requests", &many_requests}, {"one request", &one_request}};

static void test_goodbye_to_idle_connections(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answerers); i++) {
        test_case(answerers[i].name);
        start(answerers[i].worker, "1", 1);
        struct channel channel = connect_channel();

        ask(&channel, "a");
        expect_answer(&channel, "a");
        drain();
        expect_goodbye(&channel);
        expect_end();
    }
}

static void test_request_in_progress_is_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answerers); i++) {
        test_case(answerers[i].name);
        start(answerers[i].worker, "1", 1);
        struct channel channel = connect_channel();

        ask(&channel, "slow");
        expect_look(); /* it is at it */
        drain();
        assert_int_equal(write(channel.stream.fd, ".", 1), 1);
        expect_answer(&channel, "slowly");
        expect_goodbye(&channel);
        expect_end();
    }
}

static void test_one_slot_serves_who_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answerers); i++) {
        test_case(answerers[i].name);
        start(answerers[i].worker, "1", 1);
        struct channel first = connect_channel();

        ask(&first, "a");
        expect_answer(&first, "a");
        struct channel second = connect_channel();

        ask(&second, "b");
        expect_answer(&second, "b");
        expect_goodbye(&first);
        channel_release(&second);
        end();
    }
}

static void test_jobs_wait_in_turn(void **state)
{
    (void)state;
    struct channel channels[3];

    start(&many_requests, "2", 1);
    for (int i = 0; i < 3; i++)
        channels[i] = connect_channel();
    ask(&channels[0], "slow");
    ask(&channels[1], "slow");
    expect_look();
    ask(&channels[2], "c");
    assert_true(is_silent(&channels[2].stream, 50));
    assert_int_equal(write(channels[1].stream.fd, ".", 1), 1);
    expect_answer(&channels[1], "slowly");
    expect_answer(&channels[2], "c");
    for (int i = 0; i < 3; i++)
        channel_release(&channels[i]);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_of_one_session),
        cmocka_unit_test(test_sessions_survive_draining),
        cmocka_unit_test(test_max_use),
        cmocka_unit_test(test_max_use_of_small_requests),
        cmocka_unit_test(test_death_of_master),
        cmocka_unit_test(test_sigterm),
        cmocka_unit_test(test_nothing_holds_up_the_end),
        cmocka_unit_test(test_goodbye_to_idle_connections),
        cmocka_unit_test(test_request_in_progress_is_answered),
        cmocka_unit_test(test_one_slot_serves_who_comes),
        cmocka_unit_test(test_jobs_wait_in_turn),
    };

    return cmocka_run_group_tests(tests, configure, NULL);
}
