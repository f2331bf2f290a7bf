/*
 * Against a server of our own in the same loop, on a socket in a temporary directory.
 */
#include "ipc/client.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"
#include "co/co.h"
#include "net/socket.h"

#define SERVICE "service"

/* What the server does with a connection, a letter for each request. */
enum step {
    ANSWER = 'a',
    GOODBYE = 'g', /* instead of an answer */
    CLOSE = 'c',   /* instead of an answer */
    LEAVE = 'l',   /* goodbye behind the answer */
    FAIL = 'f',    /* ipc_failure */
    BREAK = 'b',   /* half a frame, and close */
    WAIT = 'w',    /* say nothing */
};

static struct {
    int listener;
    const char *steps; /* of the connections to come, separated by blanks */
    int n_connections;
} server;

static void test_directory(void)
{
    static char path[] = "/tmp/client_test.XXXXXX";

    assert_non_null(mkdtemp(path));
    assert_int_equal(chdir(path), 0);
}

/* False when the connection is over. */
static bool take_step(struct channel *channel, char step)
{
    const struct rewrite_reply reply = {.address = SLICE("answer")};

    switch (step) {
    case ANSWER:
        return channel_send(channel, MESSAGE_rewrite_reply, &reply, NULL) == 0;
    case LEAVE:
        return channel_send(channel, MESSAGE_rewrite_reply, &reply, NULL) == 0 &&
               channel_send(channel, MESSAGE_ipc_goodbye, &(struct ipc_goodbye){}, NULL) == 0 &&
               channel_flush(channel, NULL) == 0 && false;
    case GOODBYE:
        return channel_send(channel, MESSAGE_ipc_goodbye, &(struct ipc_goodbye){}, NULL) == 0 &&
               channel_flush(channel, NULL) == 0 && false;
    case FAIL:
        return channel_send(channel, MESSAGE_ipc_failure,
                            &(struct ipc_failure){.reason = SLICE("no")}, NULL) == 0;
    case BREAK:
        return stream_write(&channel->stream, "\10\0\0\0", 4) == 0 &&
               channel_flush(channel, NULL) == 0 && false;
    case WAIT:
        return true;
    default:
        return false;
    }
}

static void serve(void *arg)
{
    CLEANUP(channel_release) struct channel channel;
    enum message_number number;
    struct slice body;

    channel_init(&channel, *(int *)arg);
    mem_free(arg);
    stream_set_deadline(&channel.stream, DEADLINE_NONE);
    server.n_connections++;
    while (channel_receive(&channel, &number, &body, NULL) == 0 && number != MESSAGE_NONE) {
        char step = *server.steps ? *server.steps++ : CLOSE;

        if (!take_step(&channel, step) || channel_flush(&channel, NULL) < 0)
            break;
    }
}

static void run_server(void *arg)
{
    (void)arg;
    while (co_wait_fd(server.listener, EPOLLIN, DEADLINE_NONE) == WAKE_READY) {
        int *fd = mem_new(int);

        *fd = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (*fd < 0 || !co_spawn("serve", serve, fd))
            mem_free(fd);
    }
}

/* One request; the error's text is empty when it was answered. */
static const char *ask(void)
{
    static struct error error;
    CLEANUP(buf_release) struct buf storage = BUF_INIT;
    const struct rewrite_request request = {.context = SLICE("local"), .address = SLICE("x")};
    struct rewrite_reply reply;

    error = ERROR_INIT;
    if (client_request(SERVICE,
                       &(struct client_exchange){MESSAGE_rewrite_request, &request,
                                                 MESSAGE_rewrite_reply, &reply, &storage},
                       deadline_in(SECONDS(5)), &error) < 0) {
        assert_int_equal(error.kind, ERROR_TEMPORARY);
        return error.text;
    }
    assert_slice_equal(reply.address, "answer");
    return "";
}

static const struct {
    const char *name, *steps;
    bool may_repeat;
} failures[] = {
    {"an idle connection with a goodbye", "ag", true},
    {"an idle connection that is closed", "ac", true},
    {"an idle connection that stays silent", "aw", false}, /* it may be at work */
    {"an idle connection with half an answer", "ab", false},
    {"a failure", "af", false},
};

/* One exchange over a connection that was idle, for whoever does not use client_request. */
static bool fails_for_good(void)
{
    CLEANUP(client_call_release) struct client_call call;
    const struct rewrite_request request = {.context = SLICE("local"), .address = SLICE("x")};
    struct rewrite_reply reply;

    assert_int_equal(client_call_begin(&call, SERVICE, deadline_in(SECONDS(5)), NULL), 0);
    assert_true(call.is_reused);
    assert_int_equal(channel_send(call.channel, MESSAGE_rewrite_request, &request, NULL), 0);
    assert_int_equal(channel_flush(call.channel, NULL), 0);
    if (*server.steps == WAIT)
        stream_set_deadline(&call.channel->stream, time_now_ms() - 1);
    assert_int_equal(channel_expect(call.channel, MESSAGE_rewrite_reply, &reply, NULL), -1);
    if (!client_call_may_repeat(&call))
        return true;
    assert_int_equal(client_call_begin_anew(&call, deadline_in(SECONDS(5)), NULL), 0);
    assert_false(call.is_reused);
    return false;
}

static void run_failures(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        test_case(failures[i].name);
        server.steps = failures[i].steps;
        assert_string_equal(ask(), "");
        assert_int_equal(fails_for_good(), !failures[i].may_repeat);
        client_reset();
    }
}

static const struct {
    const char *name;
    const char *steps;      /* what the server does, request after request */
    const char *results[4]; /* of the client's requests */
    int n_connections;
} sessions[] = {
    {"the connection is reused", "aaa", {"", "", ""}, 1},
    {"a goodbye in place of the answer", "aga", {"", ""}, 2},
    {"a goodbye on a fresh connection", "ga", {""}, 2},
    {"only goodbyes", "ggggg", {"service: the server retires"}, 4},
    {"a goodbye behind the answer", "la", {"", ""}, 2},
    {"an idle connection closed", "aca", {"", ""}, 2},
    {"a fresh connection closed", "c", {"service: connection closed"}, 1},
    {"closed twice", "acc", {"", "service: connection closed"}, 2},
    {"a failure is an answer", "afa", {"", "service: no", ""}, 2},
    {"half an answer is no silence", "ab", {"", "service: connection closed"}, 1},
};

static void run_sessions(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < ARRAY_SIZE(sessions); i++) {
        test_case(sessions[i].name);
        server.steps = sessions[i].steps;
        server.n_connections = 0;
        for (size_t n = 0; n < ARRAY_SIZE(sessions[i].results) && sessions[i].results[n]; n++)
            assert_string_equal(ask(), sessions[i].results[n]);
        assert_int_equal(server.n_connections, sessions[i].n_connections);
        client_reset();
    }
    run_failures();
    co_stop();
}

static void listen_here(void)
{
    struct error error;

    server.listener = socket_listen_unix(SERVICE, 10, 0666, &error);
    assert_true(server.listener >= 0);
}

static void test_requests(void **state)
{
    (void)state;
    listen_here();
    assert_non_null(co_spawn("server", run_server, NULL));
    assert_non_null(co_spawn("client", run_sessions, NULL));
    co_run();
    co_forget_fd(server.listener);
    close(server.listener);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    assert_string_equal(ask(), "connect to service: Connection refused");
    assert_int_equal(unlink(SERVICE), 0);
    assert_string_equal(ask(), "connect to service: No such file or directory");
}

static void test_trigger_socket(void **state)
{
    (void)state;
    char bytes[8] = "";

    listen_here();
    assert_int_equal(client_trigger(SERVICE, SLICE("W"), deadline_in(SECONDS(5)), NULL), 0);
    int fd = accept(server.listener, NULL, NULL);

    assert_true(fd >= 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 1);
    assert_int_equal(bytes[0], 'W');
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 0);
    close(fd);
    close(server.listener);
}

static void test_trigger_fifo(void **state)
{
    (void)state;
    char bytes[8] = "";

    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(client_trigger("fifo", SLICE("W"), deadline_in(SECONDS(5)), NULL), -1);
    int fd = open("fifo", O_RDONLY | O_NONBLOCK);

    assert_int_equal(client_trigger("fifo", SLICE("W"), deadline_in(SECONDS(5)), NULL), 0);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 1);
    assert_int_equal(bytes[0], 'W');
    close(fd);
}

static int start(void **state)
{
    (void)state;
    test_directory();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_trigger_socket),
        cmocka_unit_test(test_trigger_fifo),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
