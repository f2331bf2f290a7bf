#include "auth/sasl_security.h"

#include "base/test.h"

static const struct {
    const char *name;
    unsigned demands, properties;
    bool is_allowed;
} rows[] = {
    {"no demands", 0, SECURITY_NO_PLAINTEXT, true},
    {"plaintext is refused", SECURITY_NO_PLAINTEXT, SECURITY_NO_PLAINTEXT, false},
    {"another flaw", SECURITY_NO_PLAINTEXT, SECURITY_NO_DICTIONARY, true},
    {"a virtue is missing", SECURITY_MUTUAL_AUTH, 0, false},
    {"a virtue is there", SECURITY_MUTUAL_AUTH, SECURITY_MUTUAL_AUTH, true},
    {"one of two is missing", SECURITY_MUTUAL_AUTH | SECURITY_FORWARD_SECRECY,
     SECURITY_MUTUAL_AUTH, false},
};

static void test_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(sasl_security_allows(rows[i].demands, rows[i].properties),
                         rows[i].is_allowed);
    }
}

static void test_parse(void **state)
{
    unsigned demands;
    struct error error;

    (void)state;
    assert_int_equal(sasl_security_parse("noplaintext, NoAnonymous", &demands, &error), 0);
    assert_int_equal(demands, SECURITY_NO_PLAINTEXT | SECURITY_NO_ANONYMOUS);
    assert_int_equal(sasl_security_parse("", &demands, &error), 0);
    assert_int_equal(demands, 0);
    assert_int_equal(sasl_security_parse("nopaintext", &demands, &error), -1);
    assert_int_equal(error.kind, ERROR_PERMANENT);
    assert_non_null(strstr(error.text, "\"nopaintext\""));
    assert_int_equal(sasl_security_property(SLICE("mutual-auth")), SECURITY_MUTUAL_AUTH);
    assert_int_equal(sasl_security_property(SLICE("unheard-of")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allows),
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
