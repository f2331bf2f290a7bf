#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/test.h"
#include "co/co.h"

static struct buf directory;

static int make_directory(void **state)
{
    char name[] = "/tmp/socket-test.XXXXXX";

    (void)state;
    if (!mkdtemp(name))
        return -1;
    buf_init(&directory);
    buf_set_text(&directory, name);
    return 0;
}

/* The tests have removed what they put there. */
static int remove_directory(void **state)
{
    (void)state;
    int result = rmdir(directory.data);
    buf_release(&directory);
    return result;
}

static const char *path_of(const char *name)
{
    static char path[100];

    snprintf(path, sizeof(path), "%s/%s", directory.data, name);
    return path;
}

static void close_fd(int fd)
{
    co_forget_fd(fd);
    assert_int_equal(close(fd), 0);
}

static void assert_good_flags(int fd)
{
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static int listen_on(const char *address, struct endpoint *bound)
{
    struct error error = ERROR_INIT;
    struct endpoint endpoint;

    assert_int_equal(endpoint_parse(&endpoint, slice_from(address), 0), 0);
    int fd = socket_listen_inet(&endpoint, 10, &error);
    assert_true(fd >= 0);
    assert_int_equal(socket_local(fd, bound), 0);
    return fd;
}

struct meeting {
    int listener;
    struct endpoint where;
    int accepted, connected;
};

static void accept_one(void *arg)
{
    struct meeting *meeting = arg;
    struct error error = ERROR_INIT;
    struct endpoint peer;
    char text[ENDPOINT_TEXT_BYTES];

    meeting->accepted = socket_accept(meeting->listener, &peer, deadline_in(5000), &error);
    assert_true(meeting->accepted >= 0);
    assert_string_equal(endpoint_text(&peer, text), "127.0.0.1");
}

static void connect_from_loopback(void *arg)
{
    struct meeting *meeting = arg;
    struct error error = ERROR_INIT;
    struct endpoint source;

    assert_int_equal(endpoint_parse(&source, SLICE("127.0.0.1"), 0), 0);
    meeting->connected = socket_connect(&meeting->where, &source, deadline_in(5000), &error);
    assert_true(meeting->connected >= 0);
}

static void test_inet(void **state)
{
    struct meeting meeting = {.accepted = -1, .connected = -1};
    struct endpoint a, b;

    (void)state;
    meeting.listener = listen_on("127.0.0.1", &meeting.where);
    assert_good_flags(meeting.listener);
    assert_non_null(co_spawn("server", accept_one, &meeting));
    assert_non_null(co_spawn("client", connect_from_loopback, &meeting));
    co_run();
    assert_good_flags(meeting.accepted);
    assert_good_flags(meeting.connected);
    assert_int_equal(socket_local(meeting.accepted, &a), 0);
    assert_int_equal(socket_peer(meeting.connected, &b), 0);
    assert_true(endpoint_same_address(&a, &b));
    assert_int_equal(endpoint_port(&a), endpoint_port(&b));
    close_fd(meeting.connected);
    close_fd(meeting.accepted);
    close_fd(meeting.listener);
    assert_int_equal(socket_peer(-1, &b), -1);
}

static void test_accept_timeout(void **state)
{
    struct endpoint where, peer;
    struct error error = ERROR_INIT;
    int listener = listen_on("127.0.0.1", &where);

    (void)state;
    assert_int_equal(socket_accept(listener, &peer, deadline_in(1), &error), -1);
    assert_int_equal(errno, ETIMEDOUT);
    close_fd(listener);
}

static void connect_refused(void *arg)
{
    struct error error = ERROR_INIT;

    assert_int_equal(socket_connect(arg, NULL, deadline_in(5000), &error), -1);
    assert_string_equal(error.text, "Connection refused");
    assert_int_equal(error.kind, ERROR_TEMPORARY);
}

static void test_connect_refused(void **state)
{
    struct endpoint where;
    int listener = listen_on("127.0.0.1", &where);

    (void)state;
    close_fd(listener);
    connect_refused(&where);
    assert_non_null(co_spawn("client", connect_refused, &where));
    co_run();
}

static void test_address_in_use(void **state)
{
    struct endpoint where;
    struct error error = ERROR_INIT;
    char expected[100];
    int listener = listen_on("127.0.0.1", &where);

    (void)state;
    assert_int_equal(socket_listen_inet(&where, 10, &error), -1);
    snprintf(expected, sizeof(expected), "bind 127.0.0.1 port %u: Address already in use",
             endpoint_port(&where));
    assert_string_equal(error.text, expected);
    close_fd(listener);
}

static void test_unix(void **state)
{
    struct error error = ERROR_INIT;
    struct endpoint peer;
    struct stat info;
    const char *path = path_of("socket");

    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time over a stale socket */
        int listener = socket_listen_unix(path, 10, 0660, &error);

        assert_true(listener >= 0);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0660);
        int client = socket_connect_unix(path, deadline_in(5000), &error);
        assert_true(client >= 0);
        assert_good_flags(client);
        int server = socket_accept(listener, &peer, deadline_in(5000), &error);
        assert_true(server >= 0);
        assert_int_equal(endpoint_family(&peer), AF_UNIX);
        close_fd(client);
        close_fd(server);
        close_fd(listener);
    }
    assert_int_equal(socket_connect_unix(path, deadline_in(5000), &error), -1);
    assert_string_equal(error.text, "Connection refused");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(socket_connect_unix(path, deadline_in(5000), &error), -1);
    assert_string_equal(error.text, "No such file or directory");
}

static void connect_to_full(void *arg)
{
    struct error error = ERROR_INIT;

    assert_int_equal(socket_connect_unix(arg, deadline_in(20), &error), -1);
    assert_string_equal(error.text, "Connection timed out");
}

static void test_full_queue(void **state)
{
    struct error error = ERROR_INIT;
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "%s", path_of("socket"));
    int listener = socket_listen_unix(path, 0, 0600, &error);
    int first = socket_connect_unix(path, deadline_in(5000), &error);
    assert_true(first >= 0);
    connect_to_full(path);
    assert_non_null(co_spawn("client", connect_to_full, path));
    co_run();
    close_fd(first);
    close_fd(listener);
    assert_int_equal(unlink(path), 0);
}

static void test_refuses_other_files(void **state)
{
    struct error error = ERROR_INIT;
    const char *path = path_of("file");

    (void)state;
    assert_int_equal(file_replace(path, SLICE("precious"), 0600, &error), 0);
    assert_int_equal(socket_listen_unix(path, 10, 0600, &error), -1);
    assert_non_null(strstr(error.text, "exists and is something else"));
    assert_int_equal(socket_open_fifo(path, 0600, &error), -1);
    assert_int_equal(unlink(path), 0);
}

static void test_path_too_long(void **state)
{
    struct error error = ERROR_INIT;
    char path[200];

    (void)state;
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(socket_listen_unix(path, 10, 0600, &error), -1);
    assert_non_null(strstr(error.text, "path is longer than 107 bytes"));
    assert_int_equal(socket_connect_unix(path, deadline_in(1), &error), -1);
}

static void test_datagram_and_fifo(void **state)
{
    struct error error = ERROR_INIT;
    struct stat info;
    char byte;
    int fd = socket_bind_unix_datagram(path_of("datagram"), 0666, &error);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    close_fd(fd);
    assert_int_equal(unlink(path_of("datagram")), 0);
    for (int i = 0; i < 2; i++) {
        fd = socket_open_fifo(path_of("fifo"), 0622, &error);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0622);
        assert_int_equal(read(fd, &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
        close_fd(fd);
    }
    assert_int_equal(unlink(path_of("fifo")), 0);
}

static void send_pipe(void *arg)
{
    static char data[300000];
    const int *pair = arg;
    struct error error = ERROR_INIT;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(
        socket_send_fd(pair[0], ends[0], data, sizeof(data), deadline_in(5000), &error), 0);
    close_fd(ends[0]);
    close_fd(ends[1]);
    close_fd(pair[0]);
}

static void receive_pipe(void *arg)
{
    static char data[70000];
    const int *pair = arg;
    struct error error = ERROR_INIT;
    size_t total = 0;
    int fd = -1, received = -1;
    ssize_t got;

    while ((got = socket_receive_fd(pair[1], &fd, data, sizeof(data), deadline_in(5000),
                                    &error)) > 0) {
        if (total == 0)
            received = fd;
        else
            assert_int_equal(fd, -1);
        total += (size_t)got;
    }
    assert_int_equal(got, 0);
    assert_int_equal(total, 300000);
    assert_int_equal(read(received, data, 2), 1);
    assert_true(fcntl(received, F_GETFD) & FD_CLOEXEC);
    close_fd(received);
    close_fd(pair[1]);
}

static void test_pass_descriptor(void **state)
{
    int pair[2];
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(socket_send_fd(pair[0], 0, "", 0, DEADLINE_NONE, &error), -1);
    assert_non_null(co_spawn("receiver", receive_pipe, pair));
    assert_non_null(co_spawn("sender", send_pipe, pair));
    co_run();
}

static void test_receive_without_descriptor(void **state)
{
    int pair[2], fd = 7;
    char byte;
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(socket_receive_fd(pair[0], &fd, &byte, 1, deadline_in(1), &error), -1);
    assert_int_equal(errno, ETIMEDOUT);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(socket_receive_fd(pair[0], &fd, &byte, 1, deadline_in(1), &error), 1);
    assert_int_equal(fd, -1);
    close_fd(pair[0]);
    close_fd(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),
        cmocka_unit_test(test_accept_timeout),
        cmocka_unit_test(test_connect_refused),
        cmocka_unit_test(test_address_in_use),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_full_queue),
        cmocka_unit_test(test_refuses_other_files),
        cmocka_unit_test(test_path_too_long),
        cmocka_unit_test(test_datagram_and_fifo),
        cmocka_unit_test(test_pass_descriptor),
        cmocka_unit_test(test_receive_without_descriptor),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
