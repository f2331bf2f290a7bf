#include "probe.h"

#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "co/co.h"
#include "conf/params.h"
#include "conf/test.h"

static char directory[] = "/tmp/probe_test.XXXXXX";
static struct buf logged = {.data = buf_nothing};
static int n_failed;

static void keep_line(enum log_level level, const char *line)
{
    (void)level;
    n_failed += strstr(line, "probe of <") != NULL;
    buf_add_text(&logged, line);
    buf_add_char(&logged, '\n');
}

/* There is no cleanup service here: each probe that was begun fails, and says so. */
static void send_some(void *arg)
{
    (void)arg;
    assert_true(probe_send(SLICE("a@x.test")));
    assert_true(probe_send(SLICE("b@x.test")));
    assert_false(probe_send(SLICE("c@x.test")));
    assert_false(probe_send(SLICE("d@x.test")));
    assert_string_equal(logged.data,
                        "warning: 2 probes wait for the cleanup service: no others are made "
                        "for now\n"); /* once, not for each address */
    while (n_failed < 2)
        co_yield();
    assert_true(probe_send(SLICE("c@x.test")));
    while (n_failed < 3)
        co_yield();
    assert_non_null(strstr(logged.data, "probe of <a@x.test>: "));
}

static void test_limit(void **state)
{
    (void)state;
    params.address_verify_pending_request_limit = 2;
    log_hook = keep_line;
    bug_if(!co_spawn("test", send_some, NULL));
    co_run();
    log_hook = NULL;
    assert_int_equal(n_failed, 3);
}

static int set_up(void **state)
{
    return test_load_defaults(state) < 0 || !mkdtemp(directory) ? -1 : chdir(directory);
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&logged);
    return test_remove_tree(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
