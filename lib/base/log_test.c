#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/log_sink.h"
#include "base/test.h"
#include "base/time.h"

static struct buf lines;

static void collect(enum log_level level, const char *line)
{
    buf_printf(&lines, "%d %s\n", (int)level, line);
}

static int begin(void **state)
{
    (void)state;
    buf_init(&lines);
    return 0;
}

static int end(void **state)
{
    (void)state;
    buf_release(&lines);
    log_hook = NULL;
    log_verbosity = 0;
    return 0;
}

static void test_levels(void **state)
{
    (void)state;
    log_hook = collect;
    errno = ENOENT;
    log_info("%s: client=%s", "3x", "a");
    log_warning("open: %m");
    log_error("stuck");
    log_debug(1, "hidden");
    log_verbosity = 2;
    log_debug(2, "shown");
    log_debug(3, "hidden");
    assert_int_equal(errno, ENOENT);
    assert_string_equal(lines.data, "0 3x: client=a\n"
                                    "1 warning: open: No such file or directory\n"
                                    "2 error: stuck\n"
                                    "0 shown\n");
}

static const struct {
    const char *name, *text, *printed;
} printable[] = {
    {"line ends", "a\r\nb", "a??b"},
    {"escape", "\x1b[31m", "?[31m"},
    {"tab and delete", "a\tb\x7f", "a?b?"},
    {"UTF-8", "caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac"},
    {"broken UTF-8", "caf\xe9 \xc3", "caf? ?"},
};

static void test_control_bytes(void **state)
{
    (void)state;
    log_hook = collect;
    for (size_t i = 0; i < ARRAY_SIZE(printable); i++) {
        test_case(printable[i].name);
        buf_reset(&lines);
        log_info("%s", printable[i].text);
        assert_slice_equal(slice_sub(buf_slice(&lines), 2, lines.len - 3),
                           printable[i].printed);
    }
}

static void test_long_line(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)state;
    log_hook = collect;
    buf_add_repeated(&text, 'x', 5000);
    log_warning("%s", text.data);
    assert_int_equal(lines.len, 2 + 2047 + 1);
}

/* A socket as postlogd's, in a directory of its own. */
struct receiver {
    char directory[40], path[60];
    int fd;
};

static void open_receiver(struct receiver *receiver)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(receiver->directory, sizeof(receiver->directory), "/tmp/log-test.XXXXXX");
    assert_non_null(mkdtemp(receiver->directory));
    snprintf(receiver->path, sizeof(receiver->path), "%s/socket", receiver->directory);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", receiver->path);
    receiver->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(receiver->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void close_receiver(struct receiver *receiver)
{
    fd_close(&receiver->fd);
    assert_int_equal(unlink(receiver->path), 0);
    assert_int_equal(rmdir(receiver->directory), 0);
}

static bool receive(struct receiver *receiver, struct buf *line)
{
    char bytes[4096];
    ssize_t n = recv(receiver->fd, bytes, sizeof(bytes), 0);

    buf_reset(line);
    if (n < 0)
        return false;
    buf_add(line, bytes, (size_t)n);
    return true;
}

static struct timeval wall(void)
{
    return (struct timeval){.tv_sec = 1795317029};
}

static void open_postlog(const struct receiver *receiver)
{
    struct log_target target = {
        .sink = LOG_SINK_POSTLOG, .postlog_path = receiver->path, .hostname = "mail"};

    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    time_test_wall = wall;
    log_open("postfix/smtpd", &target);
}

/* Everything after this test logs to standard error again. */
static void close_postlog(struct receiver *receiver)
{
    struct log_target target = {.sink = LOG_SINK_STDERR};

    time_test_wall = NULL;
    log_open("log_test", &target);
    close_receiver(receiver);
}

static void test_postlog(void **state)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct receiver receiver;
    char expected[100];

    (void)state;
    open_receiver(&receiver);
    open_postlog(&receiver);
    assert_string_equal(log_tag(), "postfix/smtpd");
    log_warning("hello %d", 7);
    assert_true(receive(&receiver, &line));
    snprintf(expected, sizeof(expected),
             "Nov 22 03:10:29 mail postfix/smtpd[%d]: warning: hello 7", getpid());
    assert_string_equal(line.data, expected);
    close_postlog(&receiver);
}

static void test_in_the_name_of_another(void **state)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct receiver receiver;
    char tag[] = "postfix/submission/smtpd";
    char expected[100];

    (void)state;
    open_receiver(&receiver);
    open_postlog(&receiver);
    log_info_for(tag, 4711, "%s: client=a", "3x");
    log_info("ours");
    assert_true(receive(&receiver, &line));
    assert_string_equal(line.data,
                        "Nov 22 03:10:29 mail postfix/submission/smtpd[4711]: 3x: client=a");
    assert_true(receive(&receiver, &line));
    snprintf(expected, sizeof(expected), "Nov 22 03:10:29 mail postfix/smtpd[%d]: ours",
             getpid());
    assert_string_equal(line.data, expected);
    close_postlog(&receiver);
}

static void test_child_has_its_own_number(void **state)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct receiver receiver;
    char expected[100];
    int status;

    (void)state;
    open_receiver(&receiver);
    open_postlog(&receiver);
    pid_t pid = fork();
    if (pid == 0) {
        log_info("child");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(receive(&receiver, &line));
    snprintf(expected, sizeof(expected), "Nov 22 03:10:29 mail postfix/smtpd[%d]: child", pid);
    assert_string_equal(line.data, expected);
    close_postlog(&receiver);
}

/* The receiver sleeps, wakes up, and gets every line in order. */
static void test_slow_receiver(void **state)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;
    struct receiver receiver;
    int got = 0, sent = 2000;
    bool more = true;

    (void)state;
    open_receiver(&receiver);
    open_postlog(&receiver);
    for (int i = 0; i < sent; i++)
        log_info("number %d", i);
    assert_true(log_flush());
    while (more) {
        more = log_flush();
        while (receive(&receiver, &line)) {
            char expected[40];

            snprintf(expected, sizeof(expected), ": number %d", got++);
            assert_true(slice_ends_with(buf_slice(&line), expected));
        }
    }
    assert_int_equal(got, sent);
    close_postlog(&receiver);
}

static void test_lost_lines_are_counted(void **state)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT, text = BUF_INIT;
    struct receiver receiver;
    int got = 0, lost = 0, sent = 1000;
    bool more = true;

    (void)state;
    buf_add_repeated(&text, 'x', 2000);
    open_receiver(&receiver);
    open_postlog(&receiver);
    for (int i = 0; i < sent; i++)
        log_info("%s", text.data);
    while (more) {
        more = log_flush();
        while (receive(&receiver, &line)) {
            struct slice rest = buf_slice(&line);
            size_t place = slice_find_text(rest, SLICE("warning: "));
            int64_t number;

            got++;
            if (place == rest.len)
                continue;
            rest = slice_from_offset(rest, place + strlen("warning: "));
            assert_true(slice_to_int(slice_split(&rest, ' '), 1, sent, &number));
            assert_slice_equal(rest, "log lines lost: the log was too slow");
            lost = (int)number;
        }
    }
    assert_true(lost > 0);
    assert_int_equal(got - 1 + lost, sent);
    close_postlog(&receiver);
}

static void test_socket_comes_back(void **state)
{
    struct receiver receiver;
    struct log_socket log_socket;

    (void)state;
    open_receiver(&receiver);
    log_socket_open(&log_socket, receiver.path);
    assert_int_equal(log_socket_send(&log_socket, "a", 1), LOG_SENT);
    close_receiver(&receiver);
    assert_int_equal(log_socket_send(&log_socket, "b", 1), LOG_GONE);
    assert_int_equal(log_socket_send(&log_socket, "c", 1), LOG_GONE);
    open_receiver(&receiver);
    log_socket.path = receiver.path;
    log_socket.next_try = 0; /* a second has passed */
    assert_int_equal(log_socket_send(&log_socket, "d", 1), LOG_SENT);
    log_socket_close(&log_socket);
    close_receiver(&receiver);
}

static void test_facilities(void **state)
{
    (void)state;
    assert_int_equal(log_priority(log_facility("mail"), LOG_LEVEL_INFO), 22);
    assert_int_equal(log_priority(log_facility("local7"), LOG_LEVEL_WARNING), 188);
    assert_int_equal(log_facility(NULL), log_facility("mail"));
    assert_int_equal(log_facility("nonsense"), log_facility("mail"));
    assert_int_equal(log_priority(0, LOG_LEVEL_PANIC), 2);
}

static void end_fatally(void)
{
    errno = EACCES;
    fatal(78, "open %s: %m", "main.cf");
}

static void hit_a_bug(void)
{
    bug_if(1 + 1 == 2);
}

static void test_ends(void **state)
{
    static void (*const ends[])(void) = {end_fatally, hit_a_bug};
    static const char *const texts[] = {"log_test: fatal: open main.cf: Permission denied\n",
                                        "panic: "};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        CLEANUP(buf_release) struct buf output = BUF_INIT;
        struct error error = ERROR_INIT;
        int fds[2], status;

        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            if (dup2(fds[1], STDERR_FILENO) < 0)
                _exit(99);
            ends[i]();
            _exit(0);
        }
        fd_close(&fds[1]);
        assert_int_equal(fd_read_all(fds[0], &output, 10000, &error), 0);
        fd_close(&fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_non_null(strstr(output.data, texts[i]));
        assert_true(i == 0 ? WEXITSTATUS(status) == 78 : !WIFEXITED(status));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_levels),
        TEST(test_control_bytes),
        TEST(test_long_line),
        TEST(test_postlog),
        TEST(test_in_the_name_of_another),
        TEST(test_child_has_its_own_number),
        TEST(test_slow_receiver),
        TEST(test_lost_lines_are_counted),
        TEST(test_socket_comes_back),
        TEST(test_facilities),
        TEST(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
