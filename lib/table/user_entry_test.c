#include "table/user_entry.h"

#include "base/test.h"
#include "conf/params.h"

static void test_user_of_the_password_file(void **state)
{
    CLEANUP(user_entry_release) struct user_entry user = USER_ENTRY_INIT;
    struct error error;

    (void)state;
    params.daemon_directory = "/nonexistent";
    assert_int_equal(user_entry_find(&user, 0, &error), TABLE_FOUND);
    assert_string_equal(user.name.data, "root");
}

static void test_nobody_to_ask_about_others(void **state)
{
    CLEANUP(user_entry_release) struct user_entry user = USER_ENTRY_INIT;
    struct error error;

    (void)state;
    params.daemon_directory = "/nonexistent";
    assert_int_equal(user_entry_find(&user, 4000000000U, &error), TABLE_ERROR);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_int_equal(user.name.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user_of_the_password_file),
        cmocka_unit_test(test_nobody_to_ask_about_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
