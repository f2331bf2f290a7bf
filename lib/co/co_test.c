#include "co/co.h"

#include <errno.h>
#include <sys/epoll.h>

#include "co/checker.h"
#include "co/diary.h"

static char name_a[] = "a", name_b[] = "b", name_c[] = "c";

static void note_twice(void *arg)
{
    note(arg);
    co_yield();
    note(arg);
}

static void test_run_in_order(void **state)
{
    (void)state;
    spawn("a", note_twice, name_a);
    spawn("b", note_twice, name_b);
    spawn("c", note_twice, name_c);
    assert_diary("");
    co_run();
    assert_diary("a b c a b c");
}

static void count_after_sleep(void *arg)
{
    assert_int_equal(co_sleep_until(deadline_in(5)), WAKE_TIMEOUT);
    ++*(int *)arg;
}

static void test_spawn_ten_thousand(void **state)
{
    const int wanted = RUNNING_ON_VALGRIND ? 500 : 10000;
    int count = 0;

    (void)state;
    for (int i = 0; i < wanted; i++)
        spawn("sleeper", count_after_sleep, &count);
    co_run();
    assert_int_equal(count, wanted);
    assert_true(co_deepest_stack() > 0);
    assert_true(co_deepest_stack() < (size_t)64 * 1024 * (CO_ASAN ? 4 : 1));
}

static void sleep_and_note(void *arg)
{
    int64_t ms = *(int64_t *)arg;
    char text[24];

    assert_int_equal(co_sleep_until(deadline_in(ms)), WAKE_TIMEOUT);
    snprintf(text, sizeof(text), "%d", (int)ms);
    note(text);
}

static void test_sleep_order(void **state)
{
    int64_t times[] = {30, 10, 20, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(times); i++)
        spawn("sleeper", sleep_and_note, &times[i]);
    co_run();
    assert_diary("0 10 20 30");
}

/* A timer left over from a wait that ended early does not end a later, longer wait. */
static void wait_short_then_long(void *arg)
{
    struct co_queue queue = {0};
    int64_t start = time_now_ms();

    (void)arg;
    assert_int_equal(co_wait(&queue, deadline_in(5)), WAKE_TIMEOUT);
    assert_int_equal(co_sleep_until(start + 10), WAKE_TIMEOUT);
    assert_true(time_now_ms() >= start + 10);
    assert_int_equal(co_wait(&queue, start + 12), WAKE_TIMEOUT);
    assert_true(time_now_ms() >= start + 12);
}

static void test_timers_move(void **state)
{
    (void)state;
    spawn("timers", wait_short_then_long, NULL);
    co_run();
}

struct queue_user {
    struct co_queue *queue;
    const char *name;
    int64_t ms;
};

static void wait_in_queue(void *arg)
{
    const struct queue_user *user = arg;

    note(co_wait(user->queue, deadline_in(user->ms)) == WAKE_READY ? user->name : "timeout");
}

static void wake_two_then_all(void *arg)
{
    struct co_queue *queue = arg;

    co_wake_one(queue);
    co_wake_one(queue);
    co_yield();
    note("|");
    co_wake_all(queue);
    assert_true(co_queue_is_empty(queue));
    co_wake_one(queue);
}

static void test_wake_order(void **state)
{
    struct co_queue queue = {0};
    struct queue_user users[] = {
        {&queue, "a", 10000}, {&queue, "b", 10000}, {&queue, "c", 10000}, {&queue, "d", 10000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(users); i++)
        spawn("waiter", wait_in_queue, &users[i]);
    spawn("waker", wake_two_then_all, &queue);
    co_run();
    assert_diary("a b | c d");
}

static void sleep_then_wake_all(void *arg)
{
    assert_int_equal(co_sleep_until(deadline_in(10)), WAKE_TIMEOUT);
    co_wake_all(arg);
}

static void test_leave_queue_from_the_middle(void **state)
{
    struct co_queue queue = {0};
    struct queue_user users[] = {{&queue, "a", 1000}, {&queue, "b", 2}, {&queue, "c", 1000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(users); i++)
        spawn("waiter", wait_in_queue, &users[i]);
    spawn("waker", sleep_then_wake_all, &queue);
    co_run();
    assert_diary("timeout a c");
}

static void wait_three_ways(void *arg)
{
    struct co_queue queue = {0};
    int status;

    note_wake(co_wait_fd(*(int *)arg, EPOLLIN, DEADLINE_NONE));
    note_wake(co_sleep_until(DEADLINE_NONE));
    note_wake(co_wait(&queue, DEADLINE_NONE));
    note_wake(co_wait_drained(*(int *)arg, EPOLLIN, DEADLINE_NONE));
    note_wake(co_wait_child(getppid(), &status, DEADLINE_NONE));
    assert_true(co_is_cancelled());
}

static void test_cancel_during_wait(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    struct cancellation cancellation = {spawn("victim", wait_three_ways, &pair[0])};
    spawn("canceller", cancel, &cancellation);
    co_run();
    /* Waiting for somebody else's process is over at once, cancelled or not. */
    assert_diary("| cancelled cancelled cancelled cancelled ready");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

static void test_cancel_before_start(void **state)
{
    int pair[2];

    (void)state;
    make_pair(pair);
    co_cancel(spawn("victim", wait_three_ways, &pair[0]));
    co_run();
    assert_diary("cancelled cancelled cancelled cancelled ready");
    close_fd(pair[0]);
    close_fd(pair[1]);
}

struct joiner {
    struct co *other;
    int64_t ms;
};

static void join(void *arg)
{
    struct joiner *joiner = arg;

    note_wake(co_join(joiner->other, deadline_in(joiner->ms)));
}

static void test_join(void **state)
{
    int64_t ms = 5;

    (void)state;
    struct joiner joiner = {spawn("joined", sleep_and_note, &ms), 1000};
    co_hold(joiner.other);
    spawn("joiner", join, &joiner);
    co_run();
    assert_diary("5 ready");
}

static void test_join_timeout_then_detach(void **state)
{
    int64_t ms = 10;

    (void)state;
    struct joiner joiner = {spawn("joined", sleep_and_note, &ms), 1};
    co_hold(joiner.other);
    spawn("joiner", join, &joiner);
    co_run();
    assert_diary("timeout 10");
    co_detach(joiner.other);
}

static void test_join_ended(void **state)
{
    (void)state;
    struct joiner joiner = {spawn("joined", note_twice, name_a), 1};
    co_hold(joiner.other);
    co_run();
    spawn("joiner", join, &joiner);
    co_run();
    assert_diary("a a ready");
}

static void stop_the_loop(void *arg)
{
    (void)arg;
    co_stop();
    note("stop");
}

static void test_stop_and_go_on(void **state)
{
    (void)state;
    spawn("stopper", stop_the_loop, NULL);
    spawn("other", note_twice, name_a);
    co_run();
    assert_diary("stop");
    co_run();
    assert_diary("stop a a");
}

static void keep_errno(void *arg)
{
    errno = *(int *)arg;
    co_yield();
    assert_int_equal(errno, *(int *)arg);
    (void)co_sleep_until(deadline_in(2));
    assert_int_equal(errno, *(int *)arg);
}

static void test_errno_is_kept(void **state)
{
    int numbers[] = {EPERM, EIO};

    (void)state;
    spawn("a", keep_errno, &numbers[0]);
    spawn("b", keep_errno, &numbers[1]);
    co_run();
}

static int idle_calls_left = 3;

static bool idle(void)
{
    if (idle_calls_left > 0)
        idle_calls_left--;
    return idle_calls_left > 0;
}

static void sleep_long(void *arg)
{
    int64_t start = time_now_ms();

    (void)arg;
    assert_int_equal(co_sleep_until(start + 200), WAKE_TIMEOUT);
}

static void test_idle_calls(void **state)
{
    (void)state;
    co_on_idle(idle);
    spawn("sleeper", sleep_long, NULL);
    co_run();
    assert_int_equal(idle_calls_left, 0);
}

static void dump_line(const char *text)
{
    note(text);
    note("/");
}

static void dump(void *arg)
{
    (void)arg;
    co_dump(dump_line);
}

static void test_dump(void **state)
{
    int64_t ms = 5;

    (void)state;
    spawn("sleeper", sleep_and_note, &ms);
    spawn("dumper", dump, NULL);
    spawn("idler", count_after_sleep, &(int){0});
    co_run();
    assert_diary("sleeper: sleeping since 0 s / dumper: running since 0 s / "
                 "idler: ready to run since 0 s / 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_run_in_order),
        TEST(test_spawn_ten_thousand),
        TEST(test_sleep_order),
        TEST(test_timers_move),
        TEST(test_wake_order),
        TEST(test_leave_queue_from_the_middle),
        TEST(test_cancel_during_wait),
        TEST(test_cancel_before_start),
        TEST(test_join),
        TEST(test_join_timeout_then_detach),
        TEST(test_join_ended),
        TEST(test_stop_and_go_on),
        TEST(test_errno_is_kept),
        TEST(test_idle_calls),
        TEST(test_dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
