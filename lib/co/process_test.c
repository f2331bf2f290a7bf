/* Threads, children, signals, forks, and what ends a process. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "co/checker.h"
#include "co/diary.h"

static int add_one(void *arg)
{
    ++*(int *)arg;
    errno = EXDEV;
    return *(int *)arg == 1 ? -1 : 7;
}

static void offload(void *arg)
{
    int number = *(int *)arg;
    int result = co_offload(add_one, &number);

    assert_int_equal(number, *(int *)arg + 1);
    assert_int_equal(result, number == 1 ? -1 : 7);
    assert_int_equal(errno, EXDEV);
    note("x");
}

static void test_offload(void **state)
{
    int numbers[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        numbers[i] = i;
        spawn("offload", offload, &numbers[i]);
    }
    co_run();
    assert_int_equal(diary.len, 199);
    offload(&numbers[0]); /* outside a coroutine */
}

static int wait_for_byte(void *arg)
{
    char byte;

    return (int)read(*(int *)arg, &byte, 1);
}

static void offload_read(void *arg)
{
    assert_int_equal(co_offload(wait_for_byte, arg), 1);
    note(co_is_cancelled() ? "cancelled" : "not");
}

/* More calls block than there are threads, and the loop goes on. */
static void test_offload_does_not_block(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < 12; i++)
        spawn("reader", offload_read, &fds[0]);
    for (int i = 0; i < 12; i++)
        spawn("writer", write_byte, &fds[1]);
    co_run();
    assert_int_equal(diary.len, 12 * 4 - 1);
    close_fd(fds[0]);
    close_fd(fds[1]);
}

static void test_offload_outlasts_cancel(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    struct cancellation cancellation = {spawn("reader", offload_read, &fds[0])};
    spawn("canceller", cancel, &cancellation);
    spawn("writer", write_byte, &fds[1]);
    co_run();
    assert_diary("| cancelled");
    close_fd(fds[0]);
    close_fd(fds[1]);
}

static void test_fsync(void **state)
{
    (void)state;
    assert_int_equal(co_fsync(-1), -1);
    assert_int_equal(errno, EBADF);
}

static pid_t fork_child(int exit_code, int wait_for_fd)
{
    pid_t pid = fork();
    char byte;

    assert_true(pid >= 0);
    if (pid == 0) {
        if (wait_for_fd >= 0 && read(wait_for_fd, &byte, 1) < 0)
            _exit(1);
        _exit(exit_code);
    }
    return pid;
}

static void wait_for_child(void *arg)
{
    int code = *(int *)arg, status, fds[2];

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork_child(code, fds[0]);
    assert_int_equal(co_wait_child(pid, &status, deadline_in(2)), WAKE_TIMEOUT);
    write_byte(&fds[1]);
    assert_int_equal(co_wait_child(pid, &status, deadline_in(10000)), WAKE_READY);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    close_fd(fds[0]);
    close_fd(fds[1]);
    note("child");
}

static void test_children(void **state)
{
    int codes[] = {3, 4, 5};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        spawn("parent", wait_for_child, &codes[i]);
    co_run();
    wait_for_child(&codes[0]); /* outside a coroutine */
    assert_diary("child child child child");
}

static void wait_for_signals(void *arg)
{
    int number;

    (void)arg;
    note_wake(co_wait_signal(&number, deadline_in(1)));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(co_wait_signal(&number, deadline_in(10000)), WAKE_READY);
        note(number == SIGUSR1 ? "usr1" : "hup");
    }
}

static void raise_signals(void *arg)
{
    (void)arg;
    assert_int_equal(co_sleep_until(deadline_in(10)), WAKE_TIMEOUT);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(co_sleep_until(deadline_in(3)), WAKE_TIMEOUT);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
}

static void test_signals(void **state)
{
    const int first[] = {SIGUSR1}, second[] = {SIGHUP};

    (void)state;
    co_block_signals(first, 1);
    co_block_signals(second, 1);
    spawn("waiter", wait_for_signals, NULL);
    spawn("raiser", raise_signals, NULL);
    co_run();
    assert_diary("timeout usr1 hup");
}

static void note_log_line(enum log_level level, const char *line)
{
    char text[200];
    int n = snprintf(text, sizeof(text), "%s\n", line);

    (void)level;
    if (n > 0 && write(STDOUT_FILENO, text, (size_t)n) != n)
        _exit(99);
}

/* Recursion is what this is about. NOLINTNEXTLINE(misc-no-recursion) */
static int __attribute__((noinline)) overflow(const volatile char *previous)
{
    volatile char frame[4096];

    frame[0] = previous ? previous[0] : 1;
    return frame[0] == 0 ? 0 : frame[0] + overflow(frame) + frame[0];
}

static void overflow_stack(void *arg)
{
    *(int *)arg = overflow(NULL);
}

/* Run body in a child and collect what it writes to stdout. */
static int run_in_child(void (*body)(void), struct buf *output)
{
    int fds[2], status, result;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int signal_number = 1; signal_number < 32; signal_number++)
            (void)signal(signal_number, SIG_DFL);
        if (dup2(fds[1], STDOUT_FILENO) < 0)
            _exit(99);
        co_after_fork();
        body();
        _exit(0);
    }
    close_fd(fds[1]);
    do {
        char bytes[512];

        result = (int)read(fds[0], bytes, sizeof(bytes));
        if (result > 0)
            buf_add(output, bytes, (size_t)result);
    } while (result > 0);
    close_fd(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void overflow_in_coroutine(void)
{
    int result;

    log_hook = note_log_line;
    if (!co_spawn("deep", overflow_stack, &result))
        _exit(99);
    co_run();
}

static void test_overflow_hits_the_guard(void **state)
{
    CLEANUP(buf_release) struct buf output = BUF_INIT;

    (void)state;
    if (CO_ASAN || RUNNING_ON_VALGRIND)
        skip(); /* they report it in their own way */
    int status = run_in_child(overflow_in_coroutine, &output);
    assert_true(WIFSIGNALED(status));
    assert_string_equal(output.data, "error: coroutine deep: stack overflow\n");
}

static void wait_in_callback(void *arg)
{
    (void)arg;
    co_forbid_wait(true);
    (void)co_sleep_until(DEADLINE_NONE);
}

static void wait_where_forbidden(void)
{
    log_hook = note_log_line;
    if (!co_spawn("bug", wait_in_callback, NULL))
        _exit(99);
    co_run();
}

static void test_forbidden_wait_is_a_bug(void **state)
{
    CLEANUP(buf_release) struct buf output = BUF_INIT;

    (void)state;
    int status = run_in_child(wait_where_forbidden, &output);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(output.data, "panic: "));
}

static void print_and_sleep(void *arg)
{
    (void)co_sleep_until(deadline_in(1));
    note_log_line(LOG_LEVEL_INFO, arg);
}

static char child_text[] = "in child";

static void use_coroutines_in_child(void)
{
    int number = 5;

    if (!co_spawn("child", print_and_sleep, child_text))
        _exit(99);
    if (!co_spawn("offload", offload, &number))
        _exit(99);
    co_run();
}

static void fork_from_coroutine(void *arg)
{
    CLEANUP(buf_release) struct buf output = BUF_INIT;

    (void)arg;
    int status = run_in_child(use_coroutines_in_child, &output);
    assert_int_equal(status, 0);
    note(output.data);
}

static void note_later(void *arg)
{
    assert_int_equal(co_sleep_until(deadline_in(1)), WAKE_TIMEOUT);
    note(arg);
}

static char bystander_text[] = "bystander";

static void test_after_fork(void **state)
{
    (void)state;
    spawn("bystander", note_later, bystander_text);
    spawn("forker", fork_from_coroutine, NULL);
    co_run();
    assert_string_equal(diary.data, "in child\n bystander");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_offload),
        TEST(test_offload_does_not_block),
        TEST(test_offload_outlasts_cancel),
        TEST(test_fsync),
        TEST(test_children),
        TEST(test_signals),
        TEST(test_overflow_hits_the_guard),
        TEST(test_forbidden_wait_is_a_bug),
        TEST(test_after_fork),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
