#include "mail/reject_footer.h"

#include "base/test.h"

static void test_add(void **state)
{
    const struct {
        const char *name, *footer, *expected;
    } rows[] = {
        {"a line of its own", "call us", "denied\ncall us"},
        {"the same line", "\\c. Call us.", "denied. Call us."},
        {"two lines", "call us\\nnow", "denied\ncall us\nnow"},
        {"a backslash alone", "a\\b\\", "denied\na\\b\\"},
        {"nothing behind it", "\\c", "denied"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;

        test_case(rows[i].name);
        buf_set_text(&text, "denied");
        reject_footer_add(&text, slice_from(rows[i].footer));
        assert_string_equal(text.data, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
