#include "mail/xforward.h"

#include "base/test.h"

static void test_offered(void **state)
{
    (void)state;
    assert_int_equal(xforward_offered(SLICE("NAME ADDR PROTO HELO SOURCE PORT IDENT")), 127);
    assert_int_equal(xforward_offered(SLICE("name x ADDR")), XFORWARD_NAME | XFORWARD_ADDR);
    assert_int_equal(xforward_offered(SLICE("")), 0);
}

static void expect(unsigned offered, const struct xforward_value *values, size_t n,
                   const char *commands)
{
    CLEANUP(buf_release) struct buf all = BUF_INIT;
    CLEANUP(buf_release) struct buf command = BUF_INIT;
    size_t at = 0;

    while (xforward_command(&command, offered, values, n, &at)) {
        assert_true(command.len <= 510);
        buf_printf(&all, "%s\n", command.data);
    }
    assert_string_equal(all.data, commands);
}

static void test_commands(void **state)
{
    static const struct xforward_value values[] = {
        {XFORWARD_NAME, {"client.test", 11}},
        {XFORWARD_ADDR, {"192.0.2.1", 9}},
        {XFORWARD_PORT, {"", 0}},
        {XFORWARD_HELO, {"a b+c=d\n", 8}},
        {XFORWARD_IDENT, {"unknown", 7}},
    };

    (void)state;
    expect(127, values, ARRAY_SIZE(values),
           "XFORWARD NAME=client.test ADDR=192.0.2.1 PORT=[UNAVAILABLE] HELO=a+20b+2Bc+3Dd+0A "
           "IDENT=[UNAVAILABLE]\n");
    expect(XFORWARD_ADDR | XFORWARD_SOURCE, values, ARRAY_SIZE(values),
           "XFORWARD ADDR=192.0.2.1\n");
    expect(XFORWARD_SOURCE, values, ARRAY_SIZE(values), "");
}

static void test_long_values(void **state)
{
    CLEANUP(buf_release) struct buf command = BUF_INIT;
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct xforward_value values[3] = {{.attribute = XFORWARD_NAME},
                                       {.attribute = XFORWARD_HELO},
                                       {.attribute = XFORWARD_IDENT}};
    size_t at = 0;

    (void)state;
    buf_add_repeated(&value, 'x', 1000);
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        values[i].value = buf_slice(&value);
    for (size_t i = 1; i <= ARRAY_SIZE(values); i++) {
        assert_true(xforward_command(&command, 127, values, ARRAY_SIZE(values), &at));
        assert_true(command.len < 300);
        assert_int_equal(at, i);
    }
    assert_false(xforward_command(&command, 127, values, ARRAY_SIZE(values), &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offered),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_long_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
