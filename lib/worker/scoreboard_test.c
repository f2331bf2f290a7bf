#include "worker/scoreboard.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

#define N_RACERS 4
#define N_ROUNDS 20000

static struct scoreboard *open_scoreboard(uint32_t n_rows, uint32_t limit)
{
    struct scoreboard *scoreboard;
    int fd = scoreboard_create(&scoreboard, NULL);

    assert_true(fd >= 0);
    close(fd);
    atomic_store(&scoreboard->n_rows, n_rows);
    atomic_store(&scoreboard->slot_limit, limit);
    return scoreboard;
}

static void test_slots_are_limited_over_all_rows(void **state)
{
    (void)state;
    struct scoreboard *scoreboard = open_scoreboard(2, 3);
    struct scoreboard_row *rows = scoreboard->rows;

    assert_true(scoreboard_take(scoreboard, &rows[0]));
    assert_true(scoreboard_take(scoreboard, &rows[1]));
    assert_true(scoreboard_take(scoreboard, &rows[0]));
    assert_false(scoreboard_take(scoreboard, &rows[1]));
    assert_int_equal(scoreboard_busy(scoreboard), 3);
    scoreboard_give(&rows[0]);
    assert_true(scoreboard_take(scoreboard, &rows[1]));
    scoreboard_unmap(scoreboard);
}

static void test_no_limit(void **state)
{
    (void)state;
    struct scoreboard *scoreboard = open_scoreboard(1, 0);

    for (int i = 0; i < 1000; i++)
        assert_true(scoreboard_take(scoreboard, &scoreboard->rows[0]));
    scoreboard_unmap(scoreboard);
}

static const struct {
    const char *name;
    enum scoreboard_state states[2];
    bool has_free, has_open;
} states[] = {
    {"nobody", {SCOREBOARD_UNUSED, SCOREBOARD_UNUSED}, false, false},
    {"one free", {SCOREBOARD_FULL, SCOREBOARD_FREE}, true, true},
    {"one holding", {SCOREBOARD_HOLDING, SCOREBOARD_DRAINING}, false, true},
    {"none", {SCOREBOARD_FULL, SCOREBOARD_DRAINING}, false, false},
    {"one starting", {SCOREBOARD_STARTING, SCOREBOARD_FULL}, false, false},
};

static void test_who_takes_work(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        struct scoreboard *scoreboard = open_scoreboard(2, 0);

        test_case(states[i].name);
        atomic_store(&scoreboard->rows[0].state, states[i].states[0]);
        atomic_store(&scoreboard->rows[1].state, states[i].states[1]);
        assert_int_equal(scoreboard_has_free(scoreboard), states[i].has_free);
        assert_int_equal(scoreboard_has_open(scoreboard), states[i].has_open);
        scoreboard_unmap(scoreboard);
    }
}

/* Take and give in a row of one's own; the exit status is 1 when the limit was exceeded. */
static int race(struct scoreboard *scoreboard, struct scoreboard_row *row, uint32_t limit)
{
    for (int i = 0; i < N_ROUNDS; i++) {
        if (!scoreboard_take(scoreboard, row))
            continue;
        /* Those that are about to step back count for a moment: one each. */
        if (scoreboard_busy(scoreboard) > limit + N_RACERS - 1)
            return 1;
        scoreboard_give(row);
    }
    return 0;
}

static void test_processes_that_race(void **state)
{
    (void)state;
    struct scoreboard *scoreboard = open_scoreboard(N_RACERS, 2);
    int status;

    for (int i = 0; i < N_RACERS; i++) {
        if (fork() == 0)
            _exit(race(scoreboard, &scoreboard->rows[i], 2));
    }
    for (int i = 0; i < N_RACERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(scoreboard_busy(scoreboard), 0);
    scoreboard_unmap(scoreboard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_are_limited_over_all_rows),
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_who_takes_work),
        cmocka_unit_test(test_processes_that_race),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
