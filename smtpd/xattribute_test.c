#include "xattribute.h"

#include "base/test.h"

static void test_attributes(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice rest = SLICE(" name=a+2Bb  ADDR=[unavailable] X=+zz Y=+0A Z=");
    struct xattribute attribute;

    (void)state;
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_OK);
    assert_string_equal(attribute.name, "NAME");
    assert_slice_equal(attribute.value, "a+b");
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_OK);
    assert_slice_equal(attribute.value, XATTRIBUTE_UNAVAILABLE);
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_OK);
    assert_slice_equal(attribute.value, "+zz");
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_OK);
    assert_slice_equal(attribute.value, "?");
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_BAD);
    rest = SLICE("");
    assert_int_equal(xattribute_next(&rest, &arena, &attribute), XATTRIBUTE_END);
}

static const struct {
    const char *value, *text; /* NULL: refused */
} addresses[] = {
    {"192.0.2.1", "192.0.2.1"}, {"IPV6:2001:db8::1", "2001:db8::1"},
    {"ipv6:::1", "::1"},        {"::1", NULL},
    {"IPV6:192.0.2.1", NULL},   {"300.0.0.1", NULL},
    {"host.test", NULL},
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct endpoint endpoint;
        struct slice text;

        test_case(addresses[i].value);
        assert_int_equal(
            xattribute_address(slice_from(addresses[i].value), &endpoint, &arena, &text),
            addresses[i].text != NULL);
        if (addresses[i].text)
            assert_slice_equal(text, addresses[i].text);
    }
    assert_true(xattribute_is_port(SLICE("25")));
    assert_false(xattribute_is_port(SLICE("123456")));
    assert_false(xattribute_is_port(SLICE("x")));
    assert_false(xattribute_is_port(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
