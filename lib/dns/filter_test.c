#include "dns/filter.h"

#include "base/test.h"

static const struct {
    const char *filter, *address;
    bool matches;
} cases[] = {
    {"127.0.0.2", "127.0.0.2", true},
    {"127.0.0.2", "127.0.0.3", false},
    {"127.0.0.[2..4]", "127.0.0.2", true},
    {"127.0.0.[2..4]", "127.0.0.4", true},
    {"127.0.0.[2..4]", "127.0.0.5", false},
    {"127.0.[0..1].[2;4..6]", "127.0.1.5", true},
    {"127.0.[0..1].[2;4..6]", "127.0.1.3", false},
    {"127.0.0", "127.0.0.2", false},
    {"127.0.0.2.1", "127.0.0.2", false},
    {"127.0.0.[2..4", "127.0.0.3", false},
    {"127.0.0.[]", "127.0.0.3", false},
    {"127.0.0.x", "127.0.0.3", false},
};

static const struct {
    const char *filter;
    bool is_valid;
} filters[] = {
    {"127.0.0.2", true},      {"127.0.[0..1].[2;4..6]", true}, {"127.0.0", false},
    {"127.0.0.2.1", false},   {"127.0.0.[2..4", false},        {"127.0.0.[]", false},
    {"127.0.0.x", false},     {"127.0.0.256", false},          {"127.0.0.[4..2]", false},
    {"127.0.0.[2;x]", false}, {"127.0.0.2..4", false},         {"127.0.0.[2;]", true},
};

static void test_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        test_case(filters[i].filter);
        assert_int_equal(dns_filter_is_valid(slice_from(filters[i].filter)),
                         filters[i].is_valid);
    }
}

static void test_filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        test_case(cases[i].filter);
        assert_int_equal(
            dns_filter_matches(slice_from(cases[i].filter), slice_from(cases[i].address)),
            cases[i].matches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_valid),
                                       cmocka_unit_test(test_filters)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
