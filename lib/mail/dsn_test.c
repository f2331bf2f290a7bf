#include "mail/dsn.h"

#include "base/test.h"

static const struct {
    const char *text, *status, *rest; /* status NULL: none */
} texts[] = {
    {"4.4.1", "4.4.1", ""},
    {"5.7.123 go away", "5.7.123", "go away"},
    {"2.0.0  Ok", "2.0.0", "Ok"},
    {"3.0.0", NULL, NULL},
    {"5.1", NULL, NULL},
    {"5.1.1234", NULL, NULL},
    {"5.1.1x", NULL, NULL},
    {"5..1", NULL, NULL},
    {"", NULL, NULL},
    {"550 5.1.1", NULL, NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        char status[DSN_STATUS_BYTES];
        struct slice rest;

        test_case(texts[i].text);
        assert_int_equal(dsn_status_parse(slice_from(texts[i].text), status, &rest),
                         texts[i].status != NULL);
        if (texts[i].status) {
            assert_string_equal(status, texts[i].status);
            assert_slice_equal(rest, texts[i].rest);
        }
    }
}

static void test_class(void **state)
{
    char status[DSN_STATUS_BYTES] = "5.1.1";

    (void)state;
    dsn_set_class(status, '4');
    assert_string_equal(status, "4.1.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_class),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
