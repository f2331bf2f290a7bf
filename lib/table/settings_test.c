#include "table/settings.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"

static const char text[] = "# comment\n"
                           "hosts = a, b\n"
                           "  c\n"
                           "query = SELECT '$x' FROM t\n"
                           "number = 12\n"
                           "word = twelve\n"
                           "flag = Yes\n"
                           "empty =\n";

static char path[] = "/tmp/tassis-settings-XXXXXX";

static int write_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0 || write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1)
        return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void test_texts(void **state)
{
    CLEANUP(table_settings_release) struct table_settings settings;
    struct error error;

    (void)state;
    assert_int_equal(table_settings_open(&settings, path, &error), 0);
    assert_string_equal(table_settings_find(&settings, "hosts"), "a, b  c");
    assert_string_equal(table_settings_find(&settings, "query"), "SELECT '$x' FROM t");
    assert_string_equal(table_settings_find(&settings, "empty"), "");
    assert_null(table_settings_find(&settings, "missing"));
}

static const struct {
    struct plugin_setting row;
    const char *expected; /* the end of the error, NULL: none */
    long number;
} cases[] = {
    {{"number", PLUGIN_NUMBER, "0", 0, 100}, NULL, 12},
    {{"missing", PLUGIN_NUMBER, "7", 0, 100}, NULL, 7},
    {{"number", PLUGIN_NUMBER, "0", 0, 10}, ": value not in the range 0 to 10: number = 12", 0},
    {{"word", PLUGIN_NUMBER, "0", 0, 10}, ": bad numerical configuration: word = twelve", 0},
    {{"empty", PLUGIN_NUMBER, "0", 0, 10}, ": bad numerical configuration: empty = ", 0},
    {{"flag", PLUGIN_BOOL, "no", 0, 0}, NULL, 1},
    {{"missing", PLUGIN_BOOL, "no", 0, 0}, NULL, 0},
    {{"word", PLUGIN_BOOL, "no", 0, 0}, ": bad boolean configuration: word = twelve", 0},
    {{"word", PLUGIN_TEXT, "", 1, 0}, NULL, 0},
    {{"empty", PLUGIN_TEXT, "x", 1, 0}, ": bad string length 0 < 1: empty = ", 0},
};

static void test_values(void **state)
{
    CLEANUP(table_settings_release) struct table_settings settings;
    struct error error;

    (void)state;
    assert_int_equal(table_settings_open(&settings, path, &error), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plugin_value value = {.number = -1};
        int result;

        test_case(cases[i].row.name);
        result = table_settings_value(&settings, &cases[i].row, &value, &error);
        assert_int_equal(result, cases[i].expected ? -1 : 0);
        if (cases[i].expected) {
            assert_int_equal(error.kind, ERROR_PERMANENT);
            assert_true(slice_ends_with(slice_from(error.text), cases[i].expected));
            assert_true(slice_starts_with(slice_from(error.text), path));
        } else {
            assert_int_equal(value.number, cases[i].number);
        }
    }
}

static void test_missing_file(void **state)
{
    struct table_settings settings;
    struct error error;

    (void)state;
    assert_int_equal(table_settings_open(&settings, "/nonexistent/x.cf", &error), -1);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_string_equal(error.text, "open /nonexistent/x.cf: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_missing_file),
    };

    return cmocka_run_group_tests(tests, write_file, remove_file);
}
