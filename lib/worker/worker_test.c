/*
 * A worker in a child process, with this test in the place of master.
 */
#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/test.h"
#include "net/socket.h"
#include "worker/control.h"
#include "worker/scoreboard.h"

#define SOCKET   "socket"
#define PATIENCE SECONDS(5)
#define FD_SPARE 100
#define ROW      0

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

static const struct worker many_sessions = {
    .name = "test", .sessions_per_process = 100, .serve = serve_lines};
static const struct worker one_session = {
    .name = "test", .sessions_per_process = 1, .serve = serve_lines};
static const struct worker many_requests = {
    .name = "test", .sessions_per_process = 100, .request = answer};
static const struct worker one_request = {
    .name = "test", .sessions_per_process = 1, .request = answer};
static const struct worker small_requests = {
    .name = "test", .sessions_per_process = 1, .request = answer, .requests_per_use = 2};

/* -- master -- */

static struct {
    pid_t worker;
    int control, listener;
    struct scoreboard *scoreboard;
} master;

static int config_file(void)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    int fd = memfd_create("main.cf", 0);

    main_cf_serialize(conf_main_cf(), &text);
    assert_int_equal(fd_write_all(fd, text.data, text.len), 0);
    return fd;
}

static void put(int fd, int place)
{
    assert_int_equal(dup2(fd, place), place);
}

static NORETURN void run_worker(const struct worker *worker, const char *limit, const int *fds,
                                int n_fds)
{
    static char limit_text[16];
    char *words[] = {(char[]){"test"}, (char[]){"-n"}, (char[]){"test"}, (char[]){"-t"},
                     (char[]){"unix"}, (char[]){"-s"}, (char[]){"1"},    (char[]){"-i"},
                     (char[]){"0"},    (char[]){"-l"}, limit_text,       NULL};

    (void)snprintf(limit_text, sizeof(limit_text), "%s", limit);
    for (int i = 0; i < n_fds; i++)
        put(fds[i], FD_SPARE + i);
    for (int i = 0; i < n_fds; i++)
        put(FD_SPARE + i, WORKER_FD_CONFIG + i);
    for (int fd = WORKER_FD_LISTEN + 1; fd < FD_SPARE + n_fds; fd++)
        close(fd);
    exit(worker_main(worker, (int)ARRAY_SIZE(words) - 1, words));
}

/* Start it and wait for its hello; n_max is what that says. */
static void start(const struct worker *worker, const char *limit, uint32_t n_max)
{
    struct control_message hello;
    int pair[2];

    master.listener = socket_listen_unix(SOCKET, 10, 0666, NULL);
    assert_true(master.listener >= 0);
    int board = scoreboard_create(&master.scoreboard, NULL);

    atomic_store(&master.scoreboard->n_rows, 1);
    atomic_store(&master.scoreboard->rows[ROW].state, SCOREBOARD_STARTING);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    const int fds[] = {config_file(), pair[1], board, eventfd(0, EFD_NONBLOCK),
                       master.listener};

    master.worker = fork();
    if (master.worker == 0) {
        close(pair[0]);
        run_worker(worker, limit, fds, ARRAY_SIZE(fds));
    }
    for (size_t i = 0; i < ARRAY_SIZE(fds) - 1; i++)
        close(fds[i]);
    master.control = pair[0];
    assert_int_equal(recv(master.control, &hello, sizeof(hello), 0), sizeof(hello));
    assert_int_equal(hello.word, CONTROL_HELLO);
    assert_int_equal(hello.n_max, n_max);
}

static void expect_look(void)
{
    struct control_message message;

    assert_int_equal(recv(master.control, &message, sizeof(message), 0), sizeof(message));
    assert_int_equal(message.word, CONTROL_LOOK);
}

static void expect_no_look(void)
{
    struct control_message message;

    assert_int_equal(recv(master.control, &message, sizeof(message), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void drain(void)
{
    const struct control_message message = {.word = CONTROL_DRAIN};

    assert_int_equal(send(master.control, &message, sizeof(message), 0), sizeof(message));
}

static void expect_end(void)
{
    int status = -1;

    assert_int_equal(waitpid(master.worker, &status, 0), master.worker);
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&master.scoreboard->rows[ROW].busy), 0);
    close(master.control);
    close(master.listener);
    scoreboard_unmap(master.scoreboard);
}

static void end(void)
{
    drain();
    expect_end();
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

static struct channel connect_channel(void)
{
    struct channel channel;

    channel_init(&channel, socket_connect_unix(SOCKET, deadline_in(PATIENCE), NULL));
    stream_set_deadline(&channel.stream, deadline_in(PATIENCE));
    return channel;
}

static void ask(struct channel *channel, const char *text)
{
    const struct rewrite_request request = {.context = SLICE(""), .address = slice_from(text)};

    assert_int_equal(channel_send(channel, MESSAGE_rewrite_request, &request, NULL), 0);
    assert_int_equal(channel_flush(channel, NULL), 0);
}

static void expect_answer(struct channel *channel, const char *text)
{
    struct rewrite_reply reply;

    assert_int_equal(channel_expect(channel, MESSAGE_rewrite_reply, &reply, NULL), 0);
    assert_slice_equal(reply.address, text);
}

static void expect_goodbye(struct channel *channel)
{
    struct rewrite_reply reply;

    assert_int_equal(channel_expect(channel, MESSAGE_rewrite_reply, &reply, NULL), -1);
    assert_true(channel->said_goodbye);
    channel_release(channel);
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

/* Both have something for it: one comes first, and the other is not left to the one's mercy. */
static void test_client_that_waits(void **state)
{
    int status;

    (void)state;
    start(&one_request, "5", 5);
    struct channel first = connect_channel();

    ask(&first, "a");
    expect_answer(&first, "a");
    assert_int_equal(atomic_load(&master.scoreboard->has_asked), 0);
    assert_int_equal(kill(master.worker, SIGSTOP), 0);
    assert_int_equal(waitpid(master.worker, &status, WUNTRACED), master.worker);
    struct channel second = connect_channel();

    ask(&first, "b");
    ask(&second, "c");
    assert_int_equal(kill(master.worker, SIGCONT), 0);
    expect_answer(&first, "b");
    expect_answer(&second, "c");
    expect_goodbye(&first);
    assert_int_equal(atomic_load(&master.scoreboard->has_asked), 1);
    channel_release(&second);
    end();
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

static int configure(void **state)
{
    static char path[] = "/tmp/worker_test.XXXXXX";
    const char text[] = "mail_owner = nobody\nmax_use = 3\nsyslog_name = test\n";

    (void)state;
    if (!mkdtemp(path) || chmod(path, 0755) < 0 || chdir(path) < 0)
        return -1;
    return test_load_text(text, NULL);
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
        cmocka_unit_test(test_goodbye_to_idle_connections),
        cmocka_unit_test(test_request_in_progress_is_answered),
        cmocka_unit_test(test_one_slot_serves_who_comes),
        cmocka_unit_test(test_client_that_waits),
        cmocka_unit_test(test_jobs_wait_in_turn),
    };

    return cmocka_run_group_tests(tests, configure, NULL);
}
