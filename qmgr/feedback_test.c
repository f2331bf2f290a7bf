#include "feedback.h"

#include "base/test.h"

static const struct {
    const char *text;
    enum feedback_kind kind;
    double at_1, at_4;
} accepted[] = {
    {"1", FEEDBACK_CONSTANT, 1, 1},
    {"0", FEEDBACK_CONSTANT, 0, 0},
    {"0.25", FEEDBACK_CONSTANT, 0.25, 0.25},
    {"1/8", FEEDBACK_CONSTANT, 0.125, 0.125},
    {" 1 / 2 ", FEEDBACK_CONSTANT, 0.5, 0.5},
    {"1/concurrency", FEEDBACK_CONCURRENCY, 1, 0.25},
    {"0.5 / Concurrency", FEEDBACK_CONCURRENCY, 0.5, 0.125},
    {"1/sqrt_concurrency", FEEDBACK_SQRT_CONCURRENCY, 1, 0.5},
};

static const char *const refused[] = {"",   "x",   "-1",  "2",   "1/0",
                                      "1/", "1/x", "1 2", "nan", "1/1/1"};

static void test_parse_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        struct feedback feedback;
        struct error error;

        test_case(accepted[i].text);
        assert_int_equal(feedback_parse(&feedback, accepted[i].text, &error), 0);
        assert_int_equal(feedback.kind, accepted[i].kind);
        assert_float_equal(feedback_amount(&feedback, 1), accepted[i].at_1, 1e-9);
        assert_float_equal(feedback_amount(&feedback, 4), accepted[i].at_4, 1e-9);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct feedback feedback = {.base = 7};
        struct error error = ERROR_INIT;

        test_case(refused[i]);
        assert_int_equal(feedback_parse(&feedback, refused[i], &error), -1);
        assert_int_equal(error.kind, ERROR_PERMANENT);
        assert_float_equal(feedback.base, 7, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_accepts),
        cmocka_unit_test(test_parse_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
