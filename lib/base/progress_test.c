#include "base/progress.h"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "base/time.h"

static int64_t clock_ms;

static int64_t test_clock(void)
{
    return clock_ms;
}

/* Work of `steps`, of which each takes a millisecond; what a terminal is shown of it. */
static size_t shown(int64_t steps, char *text, size_t size)
{
    struct progress progress;

    progress_begin(&progress, "things");
    for (int64_t i = 0; i < steps; i++) {
        clock_ms++;
        progress_step(&progress);
    }
    progress_end(&progress);
    if (!progress.is_on || steps < 1000)
        return 0;
    ssize_t n = read(STDIN_FILENO, text, size - 1);

    assert_true(n > 0);
    text[n] = '\0';
    return (size_t)n;
}

static void test_terminal(void **state)
{
    char text[4096];
    int master, slave;

    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    int saved = dup(STDERR_FILENO), input = dup(STDIN_FILENO);

    assert_true(dup2(slave, STDERR_FILENO) >= 0 && dup2(master, STDIN_FILENO) >= 0);
    time_test_monotonic = test_clock;
    size_t quick = shown(900, text, sizeof(text));
    size_t slow = shown(1100, text, sizeof(text));

    time_test_monotonic = NULL;
    assert_true(dup2(saved, STDERR_FILENO) >= 0 && dup2(input, STDIN_FILENO) >= 0);
    assert_int_equal(quick, 0);
    assert_true(slow > 0);
    assert_non_null(strstr(text, "\r1024 things"));
    assert_non_null(strstr(text, " \r"));
}

static void test_no_terminal(void **state)
{
    struct progress progress;

    (void)state;
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

    assert_true(dup2(null, STDERR_FILENO) >= 0);
    progress_begin(&progress, "things");
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_false(progress.is_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_terminal),
                                       cmocka_unit_test(test_no_terminal)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
