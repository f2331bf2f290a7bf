/* Waiting for descriptors (co_wait_fd, co_wait_drained, co_forget_fd). */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "co/diary.h"

struct reader {
    int fd;
    deadline_t until;
    const char *expected;
};

static void read_once(void *arg)
{
    const struct reader *reader = arg;
    char byte;

    assert_int_equal(read(reader->fd, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
    note_wake(co_wait_drained(reader->fd, EPOLLIN, reader->until));
}

static void test_wait_fd_ready(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    struct reader reader = {.fd = pair[0], .until = DEADLINE_NONE};
    spawn("reader", read_once, &reader);
    spawn("writer", write_byte, &pair[1]);
    co_run();
    assert_diary("ready");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

static void test_wait_fd_timeout(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    struct reader reader = {.fd = pair[0], .until = deadline_in(10)};
    spawn("reader", read_once, &reader);
    co_run();
    assert_diary("timeout");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

/* co_wait_fd sees input that was there before, though an earlier wait has reported it. */
static void wait_without_reading(void *arg)
{
    int fd = *(int *)arg;

    for (int i = 0; i < 3; i++)
        note_wake(co_wait_fd(fd, EPOLLIN, deadline_in(1000)));
    note_wake(co_wait_fd(fd, EPOLLOUT, deadline_in(1000)));
}

static void test_wait_fd_is_level_triggered(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    write_byte(&pair[1]);
    spawn("waiter", wait_without_reading, &pair[0]);
    co_run();
    assert_diary("ready ready ready ready");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

/* An edge that comes while the coroutine is elsewhere is not lost for co_wait_drained. */
static void read_with_pauses(void *arg)
{
    int fd = *(int *)arg;
    char bytes[8];

    while (read(fd, bytes, sizeof(bytes)) < 0)
        note_wake(co_wait_drained(fd, EPOLLIN, deadline_in(1000)));
    assert_int_equal(co_sleep_until(deadline_in(5)), WAKE_TIMEOUT);
    note_wake(co_wait_drained(fd, EPOLLIN, deadline_in(1000)));
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 1);
}

static void write_twice(void *arg)
{
    write_byte(arg);
    assert_int_equal(co_sleep_until(deadline_in(1)), WAKE_TIMEOUT);
    write_byte(arg);
}

static void test_edge_is_remembered(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    spawn("reader", read_with_pauses, &pair[0]);
    spawn("writer", write_twice, &pair[1]);
    co_run();
    assert_diary("ready ready");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

static void write_until_full(void *arg)
{
    int fd = *(int *)arg;
    static char bytes[65536];
    size_t left = 8 * sizeof(bytes);

    while (left) {
        ssize_t n = write(fd, bytes, left < sizeof(bytes) ? left : sizeof(bytes));

        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            assert_int_equal(co_wait_drained(fd, EPOLLOUT, deadline_in(10000)), WAKE_READY);
        } else {
            left -= (size_t)n;
        }
    }
    close_fd(fd);
    note("written");
}

static void read_until_end(void *arg)
{
    int fd = *(int *)arg;
    static char bytes[10000];
    size_t got = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
        if (n > 0)
            got += (size_t)n;
        else
            assert_int_equal(co_wait_drained(fd, EPOLLIN, deadline_in(10000)), WAKE_READY);
    }
    assert_int_equal(got, 8 * 65536);
    note("read");
}

static void test_both_directions(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    spawn("writer", write_until_full, &pair[0]);
    spawn("reader", read_until_end, &pair[1]);
    co_run();
    assert_diary("written read");
    close_fd(pair[1]);
}

static void close_other(void *arg)
{
    close_fd(*(int *)arg);
}

static void test_closed_fd(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    struct reader reader = {.fd = pair[0], .until = DEADLINE_NONE};
    spawn("reader", read_once, &reader);
    spawn("closer", close_other, &pair[0]);
    co_run();
    assert_diary("cancelled");
    close_fd(pair[1]);
}

/* Its number comes back with another file behind it, and nobody told the loop. */
static void test_fd_closed_behind_our_back(void **state)
{
    int first[2], second[2];

    (void)state;
    make_pair(first);
    struct reader reader = {.fd = first[0], .until = deadline_in(1)};
    spawn("reader", read_once, &reader);
    co_run();
    assert_int_equal(close(first[0]), 0);
    make_pair(second);
    assert_int_equal(second[0], first[0]);
    write_byte(&second[1]);
    spawn("waiter", wait_without_reading, &second[0]);
    co_run();
    assert_diary("timeout ready ready ready ready");
    close_fd(second[0]);
    close_fd(second[1]);
    close_fd(first[1]);
}

static void wait_for_file(void *arg)
{
    (void)arg;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    note_wake(co_wait_fd(fd, EPOLLIN, DEADLINE_NONE));
    note_wake(co_wait_drained(fd, EPOLLIN, DEADLINE_NONE));
    close_fd(fd);
}

static void test_regular_file_is_ready(void **state)
{
    (void)state;
    spawn("reader", wait_for_file, NULL);
    co_run();
    assert_diary("ready ready");
}

static void accept_one(void *arg)
{
    int fd = *(int *)arg, accepted;

    while ((accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) < 0)
        note_wake(co_wait_fd(fd, EPOLLIN | EPOLLEXCLUSIVE, deadline_in(1000)));
    assert_int_equal(close(accepted), 0);
}

static void connect_to(void *arg)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(getsockname(*(int *)arg, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
    close_fd(fd);
}

static void sleep_a_little(void *arg)
{
    (void)arg;
    assert_int_equal(co_sleep_until(deadline_in(2)), WAKE_TIMEOUT);
}

static void test_shared_listener(void **state)
{
    sa_family_t family = AF_UNIX;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    (void)state;
    /* A bare family binds to an abstract name of the kernel's choice. */
    assert_int_equal(bind(fd, (struct sockaddr *)&family, sizeof(family)), 0);
    assert_int_equal(listen(fd, 5), 0);
    for (int i = 0; i < 2; i++) {
        spawn("acceptor", accept_one, &fd);
        spawn("client", connect_to, &fd);
        co_run();
    }
    /* A connection comes while nobody waits; who waits later gets it. */
    connect_to(&fd);
    spawn("sleeper", sleep_a_little, NULL);
    co_run();
    spawn("acceptor", accept_one, &fd);
    co_run();
    assert_diary("ready ready");
    close_fd(fd);
}

static void test_outside_of_coroutines(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    assert_null(co_self());
    assert_int_equal(co_wait_fd(pair[0], EPOLLIN, deadline_in(1)), WAKE_TIMEOUT);
    assert_int_equal(co_wait_fd(pair[0], EPOLLOUT, deadline_in(1)), WAKE_READY);
    write_byte(&pair[1]);
    assert_int_equal(co_wait_drained(pair[0], EPOLLIN, DEADLINE_NONE), WAKE_READY);
    assert_int_equal(co_sleep_until(deadline_in(2)), WAKE_TIMEOUT);
    co_yield();
    close_fd(pair[0]);
    close_fd(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wait_fd_ready),
        TEST(test_wait_fd_timeout),
        TEST(test_wait_fd_is_level_triggered),
        TEST(test_edge_is_remembered),
        TEST(test_both_directions),
        TEST(test_closed_fd),
        TEST(test_fd_closed_behind_our_back),
        TEST(test_regular_file_is_ready),
        TEST(test_shared_listener),
        TEST(test_outside_of_coroutines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
