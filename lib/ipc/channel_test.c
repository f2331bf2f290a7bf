#include "ipc/channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

/* Two ends of a connection; what the far end says is there before the near one reads. */
struct pair {
    struct channel near, far;
};

static void pair_open(struct pair *pair)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    channel_init(&pair->near, fds[0]);
    channel_init(&pair->far, fds[1]);
    stream_set_deadline(&pair->near.stream, deadline_in(SECONDS(5)));
    stream_set_deadline(&pair->far.stream, deadline_in(SECONDS(5)));
}

static void pair_close(struct pair *pair)
{
    channel_release(&pair->near);
    channel_release(&pair->far);
}

static void say(struct channel *channel, enum message_number number, const void *message)
{
    assert_int_equal(channel_send(channel, number, message, NULL), 0);
    assert_int_equal(channel_flush(channel, NULL), 0);
}

static void test_messages_arrive_in_order(void **state)
{
    (void)state;
    struct rewrite_reply reply;
    struct bounce_result result;
    struct pair pair;

    pair_open(&pair);
    assert_int_equal(channel_send(&pair.far, MESSAGE_rewrite_reply,
                                  &(struct rewrite_reply){.address = SLICE("a@b")}, NULL),
                     0);
    say(&pair.far, MESSAGE_bounce_result, &(struct bounce_result){.status = -1});
    assert_int_equal(channel_expect(&pair.near, MESSAGE_rewrite_reply, &reply, NULL), 0);
    assert_slice_equal(reply.address, "a@b");
    assert_int_equal(channel_expect(&pair.near, MESSAGE_bounce_result, &result, NULL), 0);
    assert_int_equal(result.status, -1);
    pair_close(&pair);
}

static void test_orderly_end(void **state)
{
    (void)state;
    enum message_number number = MESSAGE_ipc_failure;
    struct slice body;
    struct pair pair;

    pair_open(&pair);
    channel_release(&pair.far);
    assert_int_equal(channel_receive(&pair.near, &number, &body, NULL), 0);
    assert_int_equal(number, MESSAGE_NONE);
    pair_close(&pair);
}

static void test_end_within_a_frame(void **state)
{
    (void)state;
    enum message_number number;
    struct slice body;
    struct error error;
    struct pair pair;

    pair_open(&pair);
    assert_int_equal(write(pair.far.stream.fd, "\10\0\0\0\2", 5), 5);
    channel_release(&pair.far);
    assert_int_equal(channel_receive(&pair.near, &number, &body, &error), -1);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    pair_close(&pair);
}

static void test_nonsense(void **state)
{
    (void)state;
    enum message_number number;
    struct slice body;
    struct error error;
    struct pair pair;

    pair_open(&pair);
    assert_int_equal(write(pair.far.stream.fd, "GET / HTTP/1.0\r\n", 16), 16);
    assert_int_equal(channel_receive(&pair.near, &number, &body, &error), -1);
    assert_string_equal(error.text, "bytes that are no message of ours");
    pair_close(&pair);
}

static const struct {
    const char *name;
    enum message_number number;
    struct ipc_failure message;
    const char *text;
    bool said_goodbye;
} answers[] = {
    {"failure", MESSAGE_ipc_failure, {.reason = SLICE("disk full")}, "disk full", false},
    {"goodbye", MESSAGE_ipc_goodbye, {.reason = SLICE_EMPTY}, "the server retires", true},
    {"another message",
     MESSAGE_rewrite_reply,
     {.reason = SLICE("x")},
     "rewrite_reply message instead of bounce_result",
     false},
};

static void test_other_answers_are_temporary_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        struct bounce_result result;
        struct error error;
        struct pair pair;

        test_case(answers[i].name);
        pair_open(&pair);
        say(&pair.far, answers[i].number, &answers[i].message);
        assert_int_equal(channel_expect(&pair.near, MESSAGE_bounce_result, &result, &error),
                         -1);
        assert_int_equal(error.kind, ERROR_TEMPORARY);
        assert_string_equal(error.text, answers[i].text);
        assert_int_equal(pair.near.said_goodbye, answers[i].said_goodbye);
        pair_close(&pair);
    }
}

/* It retired just before we asked: our request met with a closed connection. */
static void test_goodbye_before_a_failed_request(void **state)
{
    (void)state;
    struct bounce_result result;
    struct pair pair;

    pair_open(&pair);
    say(&pair.far, MESSAGE_ipc_goodbye, &(struct ipc_goodbye){});
    channel_release(&pair.far);
    assert_int_equal(channel_send(&pair.near, MESSAGE_bounce_result,
                                  &(struct bounce_result){.status = 0}, NULL),
                     0);
    assert_int_equal(channel_flush(&pair.near, NULL), -1);
    assert_true(pair.near.said_goodbye);
    assert_int_equal(channel_expect(&pair.near, MESSAGE_bounce_result, &result, NULL), -1);
    channel_release(&pair.near);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_arrive_in_order),
        cmocka_unit_test(test_orderly_end),
        cmocka_unit_test(test_end_within_a_frame),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_other_answers_are_temporary_errors),
        cmocka_unit_test(test_goodbye_before_a_failed_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
