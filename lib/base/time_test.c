#include "base/time.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/test.h"

static const struct {
    const char *zone;
    int64_t seconds;
    const char *rfc5322, *syslog;
} dates[] = {
    {"UTC0", 1795317029, "Sun, 22 Nov 2026 03:10:29 +0000 (UTC)", "Nov 22 03:10:29"},
    {"UTC0", 0, "Thu,  1 Jan 1970 00:00:00 +0000 (UTC)", "Jan  1 00:00:00"},
    {"XST3:30", 1795317029, "Sat, 21 Nov 2026 23:40:29 -0330 (XST)", "Nov 21 23:40:29"},
    {"CET-1CEST,M3.5.0,M10.5.0/3", 1783000000, "Thu,  2 Jul 2026 15:46:40 +0200 (CEST)",
     "Jul  2 15:46:40"},
};

static void test_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(dates); i++) {
        test_case(dates[i].rfc5322);
        assert_int_equal(setenv("TZ", dates[i].zone, 1), 0);
        tzset();
        (void)time_syslog(1); /* it caches one second */
        assert_string_equal(time_rfc5322(dates[i].seconds), dates[i].rfc5322);
        assert_string_equal(time_syslog(dates[i].seconds), dates[i].syslog);
        assert_string_equal(time_syslog(dates[i].seconds), dates[i].syslog);
    }
}

static int64_t fake_now;

static int64_t fake_monotonic(void)
{
    return fake_now;
}

static struct timeval fake_wall(void)
{
    return (struct timeval){.tv_sec = 100, .tv_usec = 5};
}

static void test_deadlines(void **state)
{
    (void)state;
    time_test_monotonic = fake_monotonic;
    fake_now = 1000;
    assert_int_equal(deadline_in(SECONDS(2)), 3000);
    assert_true(deadline_in(INT64_MAX) == DEADLINE_NONE);
    assert_int_equal(deadline_poll_ms(3000), 2000);
    assert_int_equal(deadline_poll_ms(1000), 0);
    assert_int_equal(deadline_poll_ms(-5), 0);
    assert_int_equal(deadline_poll_ms(DEADLINE_NONE), -1);
    assert_int_equal(deadline_poll_ms(DEADLINE_NONE - 1), INT_MAX);
    time_test_monotonic = NULL;
    assert_true(time_now_ms() > 0);
}

static void test_wall_clock(void **state)
{
    (void)state;
    time_test_wall = fake_wall;
    assert_int_equal(time_wall_seconds(), 100);
    time_test_wall = NULL;
    assert_true(time_wall_seconds() > 1000000000);
}

static void test_differences(void **state)
{
    struct timeval a = {.tv_sec = 10, .tv_usec = 900000}, b = {.tv_sec = 12, .tv_usec = 100000};

    (void)state;
    double seconds = timeval_diff_seconds(a, b);
    assert_true(seconds > 1.19999 && seconds < 1.20001);
    assert_int_equal(DAYS(1), 86400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_wall_clock),
        cmocka_unit_test(test_differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
