#include "results.h"

#include "base/test.h"

static int set_up(void **state)
{
    (void)state;
    settings = (struct settings){0};
    settings.tests[TEST_PREGREET].is_enabled = true;
    settings.tests[TEST_DNSBL].is_enabled = true;
    settings.tests[TEST_PIPELINING].is_enabled = true;
    return 0;
}

static void test_entries(void **state)
{
    static const struct {
        const char *name, *text, *again; /* NULL: none */
    } rows[] = {
        {"all", "5;4;3;2;1", "5;4;3;2;1"},
        {"older release", "5;4", "5;4;1;1;1"},
        {"disabled tests are marked so", "0;0;0;0;0", "0;0;0;1;1"},
        {"later release", "5;4;3;2;1;9;8", "5;4;3;2;1"},
        {"empty", "", NULL},
        {"text", "hello", NULL},
        {"text inside", "5;x;3;2;1", NULL},
        {"negative", "-5;4;3;2;1", NULL},
        {"the key of the last cleanup", "1795339230", "1795339230;1;1;1;1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        struct results results;

        test_case(rows[i].name);
        assert_int_equal(results_parse(&results, slice_from(rows[i].text)),
                         rows[i].again != NULL);
        if (!rows[i].again)
            continue;
        results_format(&text, &results);
        assert_string_equal(text.data, rows[i].again);
    }
}

static void test_due(void **state)
{
    static const struct {
        const char *name, *text;
        unsigned due;
        bool is_new;
    } rows[] = {
        {"stranger", "0;0;0;0;0", EARLY_TESTS | TEST_BIT(TEST_PIPELINING), true},
        {"all passed", "101;101;101;1;1", 0, false},
        {"passed until now", "100;100;100;1;1", 0, false},
        {"one early is over: both", "101;99;101;1;1", EARLY_TESTS, false},
        {"deep one is over", "101;101;99;0;0", TEST_BIT(TEST_PIPELINING), false},
        {"was disabled", "101;101;1;1;1", TEST_BIT(TEST_PIPELINING), false},
        {"half done", "101;101;0;1;1", TEST_BIT(TEST_PIPELINING), true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct results results;

        test_case(rows[i].name);
        assert_true(results_parse(&results, slice_from(rows[i].text)));
        assert_int_equal(results_due(&results, 100), rows[i].due);
        assert_int_equal(results_are_new(&results), rows[i].is_new);
    }
}

static void test_last(void **state)
{
    struct results results;

    (void)state;
    assert_true(results_parse(&results, SLICE("5;4;30;2;1")));
    assert_int_equal(results_last(&results), 30);
    results_init(&results);
    assert_int_equal(results_last(&results), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_entries, set_up),
        cmocka_unit_test_setup(test_due, set_up),
        cmocka_unit_test_setup(test_last, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
