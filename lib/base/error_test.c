#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "base/test.h"

static void test_set(void **state)
{
    struct error error = ERROR_INIT;

    (void)state;
    errno = ENOENT;
    assert_int_equal(error_set(&error, ERROR_TEMPORARY, "open %s: %m", "x"), -1);
    assert_string_equal(error.text, "open x: No such file or directory");
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_string_equal(error.dsn, "");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(error_set_dsn(&error, ERROR_PERMANENT, "5.1.3", "bad %d", 1), -1);
    assert_string_equal(error.dsn, "5.1.3");
    assert_string_equal(error.text, "bad 1");
    assert_int_equal(error_context(&error, "%s, line %d", "main.cf", 7), -1);
    assert_string_equal(error.text, "main.cf, line 7: bad 1");
    assert_string_equal(error.dsn, "5.1.3");
    assert_int_equal(error.kind, ERROR_PERMANENT);
}

static void test_nobody_cares(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_TEMPORARY, "x"), -1);
    assert_int_equal(error_set_dsn(NULL, ERROR_TEMPORARY, "4.0.0", "x"), -1);
    assert_int_equal(error_context(NULL, "x"), -1);
}

static void test_too_long(void **state)
{
    struct error error = ERROR_INIT;
    char text[ERROR_TEXT_BYTES + 100];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    error_set(&error, ERROR_TEMPORARY, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_BYTES - 1);
    assert_string_equal(error.text + ERROR_TEXT_BYTES - 5, "x...");
    error_context(&error, "context");
    assert_int_equal(strncmp(error.text, "context: xxx", 12), 0);
    assert_string_equal(error.text + ERROR_TEXT_BYTES - 5, "x...");
    error_context(&error, "%s", text);
    assert_string_equal(error.text + ERROR_TEXT_BYTES - 5, "x...");
}

static void test_cut_between_characters(void **state)
{
    struct error error = ERROR_INIT;
    char text[ERROR_TEXT_BYTES + 100];

    (void)state;
    for (size_t start = 0; start < 3; start++) {
        for (size_t i = 0; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        error_set(&error, ERROR_TEMPORARY, "%.*s%s", (int)start, "ab", text);
        assert_true(slice_is_utf8(slice_from(error.text)));
        assert_true(slice_ends_with(slice_from(error.text), "\xac..."));
    }
}

static void test_exactly_fitting(void **state)
{
    struct error error = ERROR_INIT;
    char text[ERROR_TEXT_BYTES];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    error_set(&error, ERROR_TEMPORARY, "%s", text);
    assert_string_equal(error.text, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_nobody_cares),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_cut_between_characters),
        cmocka_unit_test(test_exactly_fitting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
