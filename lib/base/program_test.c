#include "base/program.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/test.h"

static const struct {
    const char *name, *program, *line;
    int result, status;
} runs[] = {
    {"success", "/bin/sh", "exit 0", 0, 0},
    {"status", "/bin/sh", "exit 75", 0, 75},
    {"killed", "/bin/sh", "kill -9 $$", 0, 1},
    {"found in PATH", "sh", "exit 3", 0, 3},
    {"not there", "/nonexistent/program", "", -1, -2},
};

static void test_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        const char *const words[] = {"sh", "-c", runs[i].line, NULL};
        struct error error = ERROR_INIT;
        int status = -2;

        test_case(runs[i].name);
        assert_int_equal(program_run(runs[i].program, words, &status, &error), runs[i].result);
        assert_int_equal(status, runs[i].status);
        if (runs[i].result < 0)
            assert_string_equal(error.text,
                                "start /nonexistent/program: No such file or directory");
    }
}

static void test_io(void **state)
{
    const char *const words[] = {"tr", "a-z", "A-Z", NULL};
    CLEANUP(buf_release) struct buf said = BUF_INIT;
    struct error error = ERROR_INIT;
    int to[2], from[2];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    assert_int_equal(
        program_start("tr", words, (struct program_io){to[0], from[1]}, &pid, &error), 0);
    close(to[0]);
    close(from[1]);
    assert_int_equal(fd_write_all(to[1], "text", 4), 0);
    close(to[1]);
    assert_int_equal(fd_read_all(from[0], &said, 100, &error), 0);
    close(from[0]);
    assert_int_equal(program_wait(pid), 0);
    assert_string_equal(said.data, "TEXT");
}

/* As a daemon may start us that does not want to hear of its children. */
static void test_children_ignored(void **state)
{
    const char *const words[] = {"sh", "-c", "exit 3", NULL};
    struct error error = ERROR_INIT;
    int status;

    (void)state;
    assert_true(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    assert_int_equal(program_run("sh", words, &status, &error), 0);
    assert_int_equal(status, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_children_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
