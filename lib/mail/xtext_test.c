#include "mail/xtext.h"

#include "base/test.h"

static void test_add(void **state)
{
    const struct {
        const char *name, *also;
        struct slice text;
        const char *expected;
    } rows[] = {
        {"plain", "=", SLICE("mx.example.com"), "mx.example.com"},
        {"plus, equals and space", "=", SLICE("a+b=c d"), "a+2Bb+3Dc+20d"},
        {"equals may stay", "", SLICE("a+b=c"), "a+2Bb=c"},
        {"control bytes", "", SLICE("\n\177"), "+0A+7F"},
        {"a NUL is in every set", "", SLICE("a\0b"), "a+00b"},
        {"beyond ASCII", "=", SLICE("\303\274"), "+C3+BC"},
        {"nothing", "=", SLICE(""), ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf out = BUF_INIT;

        test_case(rows[i].name);
        xtext_add(&out, rows[i].text, rows[i].also);
        assert_string_equal(out.data, rows[i].expected);
    }
}

static void test_decode(void **state)
{
    const struct {
        const char *name, *text;
        bool is_good;
        const char *expected;
    } rows[] = {
        {"plain", "a=b", true, "a=b"},     {"escaped", "a+2Bb+20c", true, "a+b c"},
        {"lower case", "+2b", true, "+"},  {"no digits", "a+", false, NULL},
        {"one digit", "a+2", false, NULL}, {"no hexadecimal", "+zz", false, NULL},
        {"nothing", "", true, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct slice decoded = SLICE_EMPTY;

        test_case(rows[i].name);
        assert_int_equal(xtext_decode(slice_from(rows[i].text), &arena, &decoded),
                         rows[i].is_good);
        if (rows[i].is_good)
            assert_slice_equal(decoded, rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
