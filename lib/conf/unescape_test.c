#include "conf/unescape.h"

#include "base/test.h"

static void test_unescape(void **state)
{
    const struct {
        const char *name, *text, *expected;
    } rows[] = {
        {"nothing", "", ""},
        {"plain", "abc", "abc"},
        {"letters", "\\a\\b\\f\\n\\r\\t\\v", "\a\b\f\n\r\t\v"},
        {"octal", "\\101\\7x\\1012",
         "A\ax\101"
         "2"},
        {"octal beyond a byte", "\\501", "A"},
        {"an escaped NUL ends it", "a\\0b", "a"},
        {"other bytes", "\\\\ \\. \\8", "\\ . 8"},
        {"at the end", "a\\", "a\\"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;

        test_case(rows[i].name);
        assert_string_equal(unescape(&arena, slice_from(rows[i].text)), rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unescape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
