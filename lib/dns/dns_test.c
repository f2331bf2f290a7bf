#include "dns/dns.h"

#include "base/test.h"

static void test_reversed(void **state)
{
    const struct {
        const char *address, *reversed;
    } rows[] = {
        {"192.0.2.1", "1.2.0.192"},
        {"2001:db8::12ab", "b.a.2.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"},
    };
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct endpoint endpoint = {.len = 0};

    (void)state;
    assert_slice_equal(dns_reversed(&endpoint, &arena), "");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].address);
        assert_int_equal(endpoint_parse(&endpoint, slice_from(rows[i].address), 0), 0);
        assert_slice_equal(dns_reversed(&endpoint, &arena), rows[i].reversed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reversed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
