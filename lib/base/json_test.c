#include "base/json.h"

#include "base/test.h"

static const struct {
    const char *name, *text, *json;
} cases[] = {
    {"plain", "user@example.com", "\"user@example.com\""},
    {"empty", "", "\"\""},
    {"quotes and backslashes", "\"a\\b\"", "\"\\\"a\\\\b\\\"\""},
    {"control bytes", "a\n\x7f", "\"a\\u000a\\u007f\""},
    {"UTF-8", "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
    {"no UTF-8", "gr\xfc\xdf", "\"gr??\""},
};

static void test_add_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_release) struct buf out = BUF_INIT;

        test_case(cases[i].name);
        json_add_text(&out, slice_from(cases[i].text));
        assert_string_equal(out.data, cases[i].json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_add_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
