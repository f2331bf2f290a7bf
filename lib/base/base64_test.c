#include "base/base64.h"

#include "base/test.h"

static const struct {
    const char *data, *text;
} pairs[] = {
    {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
    {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"},
};

static void test_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        CLEANUP(buf_release) struct buf data = BUF_INIT;

        test_case(pairs[i].text);
        base64_encode(&text, slice_from(pairs[i].data));
        assert_slice_equal(buf_slice(&text), pairs[i].text);
        assert_true(base64_decode(&data, buf_slice(&text)));
        assert_slice_equal(buf_slice(&data), pairs[i].data);
    }
}

static void test_refuses(void **state)
{
    static const char *const bad[] = {"Zg=", "Z", "Zg==Zg==", "Zm9 ", "Zm9v\n", "====", "Z==="};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(buf_release) struct buf data = BUF_INIT;

        test_case(bad[i]);
        assert_false(base64_decode(&data, slice_from(bad[i])));
        assert_int_equal(data.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
