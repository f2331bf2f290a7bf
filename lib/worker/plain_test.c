/*
 * A worker of one session: the connection that it holds, and who waits for it meanwhile.
 */
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "worker/test_master.h"

/* As many jobs of the connection that is held come before a client that waits. */
#define OVERTAKEN_MOST 10

/* Less than what a new connection has for its first request. */
#define GRACE_SURE_MS 150

/* -- the workers -- */

/* Posted by the test: the worker, which has answered, may look for work again. Shared memory.
 */
static sem_t *may_go_on;

static int send_back(struct channel *channel, enum message_number number, struct slice body)
{
    struct rewrite_request request;

    if (message_decode(number, body, &request, NULL) < 0)
        return -1;
    const struct rewrite_reply reply = {.address = request.address};

    stream_set_deadline(&channel->stream, deadline_in(PATIENCE));
    return channel_send(channel, MESSAGE_rewrite_reply, &reply, NULL);
}

static int send_back_and_wait(struct channel *channel, enum message_number number,
                              struct slice body)
{
    struct timespec limit;

    if (send_back(channel, number, body) < 0 || channel_flush(channel, NULL) < 0)
        return -1;
    if (clock_gettime(CLOCK_REALTIME, &limit) < 0)
        return -1;
    limit.tv_sec += PATIENCE / 1000;
    return sem_timedwait(may_go_on, &limit);
}

/* Neither is to reach max_use. */
static const struct worker one_request = {.name = "test",
                                          .sessions_per_process = 1,
                                          .request = send_back,
                                          .requests_per_use = 2 * OVERTAKEN_MOST};
static const struct worker one_step = {.name = "test",
                                       .sessions_per_process = 1,
                                       .request = send_back_and_wait,
                                       .requests_per_use = 2 * OVERTAKEN_MOST};

static void stop_worker(void)
{
    int status;

    assert_int_equal(kill(master.worker, SIGSTOP), 0);
    assert_int_equal(waitpid(master.worker, &status, WUNTRACED), master.worker);
    assert_true(WIFSTOPPED(status));
}

static void let_worker_go_on(void)
{
    assert_int_equal(kill(master.worker, SIGCONT), 0);
}

/* One that was left stopped by a test that failed would outlive us. */
static int kill_worker(void **state)
{
    (void)state;
    if (master.worker)
        (void)kill(master.worker, SIGKILL);
    return 0;
}

/* -- the promises -- */

/* Both have something for it: one comes first, and the other is not left to the one's mercy. */
static void test_client_that_waits(void **state)
{
    (void)state;
    start(&one_request, "5", 5);
    struct channel first = connect_channel();

    ask(&first, "a");
    expect_answer(&first, "a");
    assert_int_equal(atomic_load(&master.scoreboard->has_asked), 0);
    stop_worker();
    struct channel second = connect_channel();

    ask(&first, "b");
    ask(&second, "c");
    let_worker_go_on();
    expect_answer(&first, "b");
    expect_answer(&second, "c");
    expect_goodbye(&first);
    assert_int_equal(atomic_load(&master.scoreboard->has_asked), 1);
    channel_release(&second);
    end();
}

/* Both wait to be accepted, and the second has a request there. False: this machine was busy
 * elsewhere for as long as the worker waits, so nothing is proved. */
static bool first_is_heard(void)
{
    start(&one_request, "5", 5);
    stop_worker();
    struct channel first = connect_channel();
    struct channel second = connect_channel();

    ask(&second, "b");
    int64_t began = time_now_ms();

    let_worker_go_on();
    while (atomic_load(&master.scoreboard->rows[ROW].state) != SCOREBOARD_HOLDING) {
        assert_true(time_now_ms() - began < PATIENCE);
        (void)sched_yield();
    }
    stop_worker();
    ask(&first, "a");
    bool is_in_time = time_now_ms() - began < GRACE_SURE_MS;

    let_worker_go_on();
    if (is_in_time) {
        expect_answer(&first, "a");
        expect_answer(&second, "b");
        expect_goodbye(&first);
    } else {
        channel_release(&first);
    }
    channel_release(&second);
    end();
    return is_in_time;
}

static void test_first_request_is_waited_for(void **state)
{
    (void)state;
    while (!first_is_heard())
        ;
}

/* It always has its next request there when the worker looks. */
static void test_client_that_never_pauses(void **state)
{
    (void)state;
    may_go_on = mmap(NULL, sizeof(*may_go_on), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(may_go_on != MAP_FAILED);
    assert_int_equal(sem_init(may_go_on, 1, 0), 0);
    start(&one_step, "5", 5);
    struct channel first = connect_channel();

    ask(&first, "a");
    expect_answer(&first, "a");
    struct channel second = connect_channel();

    ask(&second, "b");
    for (int n = 0; n < OVERTAKEN_MOST; n++) {
        ask(&first, "a");
        assert_int_equal(sem_post(may_go_on), 0);
        expect_answer(&first, "a");
    }
    ask(&first, "a");
    assert_int_equal(sem_post(may_go_on), 0);
    expect_goodbye(&first);
    expect_answer(&second, "b");
    assert_int_equal(sem_post(may_go_on), 0);
    channel_release(&second);
    end();
    assert_int_equal(munmap(may_go_on, sizeof(*may_go_on)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_client_that_waits, kill_worker),
        cmocka_unit_test_teardown(test_first_request_is_waited_for, kill_worker),
        cmocka_unit_test_teardown(test_client_that_never_pauses, kill_worker),
    };

    return cmocka_run_group_tests(tests, configure, NULL);
}
