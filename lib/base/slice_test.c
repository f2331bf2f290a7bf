#include "base/slice.h"

#include <stdlib.h>

#include "base/test.h"

static void test_parts(void **state)
{
    struct slice text = SLICE("hello");

    (void)state;
    assert_slice_equal(slice_from_offset(text, 2), "llo");
    assert_slice_equal(slice_from_offset(text, 9), "");
    assert_slice_equal(slice_sub(text, 1, 3), "ell");
    assert_slice_equal(slice_sub(text, 3, 9), "lo");
    assert_slice_equal(slice_sub(text, 9, 1), "");
    assert_slice_equal(slice_from(NULL), "");
    assert_true(slice_is_empty(SLICE_EMPTY));
    assert_true(slice_is_empty(slice_from_offset((struct slice){NULL, 0}, 1)));
}

static void test_compare(void **state)
{
    struct slice nothing = {NULL, 0};

    (void)state;
    assert_true(slice_equals(SLICE("ab"), "ab"));
    assert_false(slice_equals(SLICE("ab"), "abc"));
    assert_false(slice_equals(SLICE("ab"), "aB"));
    assert_true(slice_equals_nocase(SLICE("ab@["), "Ab@["));
    assert_false(slice_equals_nocase(SLICE("@"), "`"));
    assert_true(slice_same(nothing, SLICE_EMPTY));
    assert_true(slice_same_nocase(nothing, SLICE_EMPTY));
    assert_true(slice_starts_with(SLICE("abc"), "ab"));
    assert_false(slice_starts_with(SLICE("a"), "ab"));
    assert_true(slice_starts_with_nocase(SLICE("ABC"), "ab"));
    assert_true(slice_ends_with(SLICE("abc"), "bc"));
    assert_true(slice_ends_with(nothing, ""));
    assert_true(slice_ends_with_nocase(SLICE("abc"), "BC"));
    assert_false(slice_ends_with(SLICE("c"), "bc"));
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("\xff"), SLICE("a")) > 0);
    assert_int_equal(slice_compare(nothing, SLICE_EMPTY), 0);
}

static void test_find(void **state)
{
    struct slice text = SLICE("a.b.c");
    struct slice nothing = {NULL, 0};

    (void)state;
    assert_int_equal(slice_find(text, '.'), 1);
    assert_int_equal(slice_find(text, 'x'), 5);
    assert_int_equal(slice_find(nothing, 'x'), 0);
    assert_int_equal(slice_find_last(text, '.'), 3);
    assert_int_equal(slice_find_last(text, 'x'), 5);
    assert_int_equal(slice_find_any(text, "cb"), 2);
    assert_int_equal(slice_find_any(SLICE("a\0b"), "b"), 2);
    assert_int_equal(slice_skip_any(text, "a."), 2);
    assert_int_equal(slice_skip_any(text, "abc."), 5);
    assert_int_equal(slice_find_text(text, SLICE("b.")), 2);
    assert_int_equal(slice_find_text(text, SLICE("..")), 5);
    assert_int_equal(slice_find_text(text, SLICE_EMPTY), 0);
    assert_int_equal(slice_find_text(nothing, SLICE("a")), 0);
}

static void test_trim(void **state)
{
    (void)state;
    assert_slice_equal(slice_trim(SLICE(" \t\r\n\f\va b \n")), "a b");
    assert_slice_equal(slice_trim_right(SLICE(" a ")), " a");
    assert_slice_equal(slice_trim(SLICE(" \t ")), "");
}

static void test_split_and_word(void **state)
{
    struct slice rest = SLICE("a:b::c");

    (void)state;
    assert_slice_equal(slice_split(&rest, ':'), "a");
    assert_slice_equal(slice_split(&rest, ':'), "b");
    assert_slice_equal(slice_split(&rest, ':'), "");
    assert_slice_equal(slice_split(&rest, ':'), "c");
    assert_slice_equal(rest, "");
    assert_slice_equal(slice_split(&rest, ':'), "");
    rest = SLICE(", a,b  c,");
    assert_slice_equal(slice_word(&rest, ", "), "a");
    assert_slice_equal(slice_word(&rest, ", "), "b");
    assert_slice_equal(slice_word(&rest, ", "), "c");
    assert_null(slice_word(&rest, ", ").ptr);
    assert_null(slice_word(&rest, ", ").ptr);
}

static const struct {
    const char *text;
    int64_t min, max;
    bool good;
    int64_t value;
} integers[] = {
    {"0", 0, 10, true, 0},
    {"-1", -1, 1, true, -1},
    {"+1", 0, 1, true, 1},
    {"9223372036854775807", 0, INT64_MAX, true, INT64_MAX},
    {"-9223372036854775808", INT64_MIN, 0, true, INT64_MIN},
    {"9223372036854775808", INT64_MIN, INT64_MAX, false, 0},
    {"-9223372036854775809", INT64_MIN, INT64_MAX, false, 0},
    {"99999999999999999999999", 0, INT64_MAX, false, 0},
    {"11", 0, 10, false, 0},
    {"-2", -1, 1, false, 0},
    {"", 0, 10, false, 0},
    {"-", -1, 1, false, 0},
    {"--1", -1, 1, false, 0},
    {" 1", 0, 1, false, 0},
    {"1 ", 0, 1, false, 0},
    {"0x1", 0, 1, false, 0},
    {"1a", 0, 100, false, 0},
};

static void test_to_int(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
        int64_t value = 0;

        test_case(integers[i].text);
        assert_int_equal(slice_to_int(slice_from(integers[i].text), integers[i].min,
                                      integers[i].max, &value),
                         integers[i].good);
        assert_true(value == integers[i].value);
    }
}

static void test_to_uint(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(slice_to_uint(SLICE("FfFfFfFfFfFfFfFf"), 16, UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(slice_to_uint(SLICE("10000000000000000"), 16, UINT64_MAX, &value));
    assert_false(slice_to_uint(SLICE("18446744073709551616"), 10, UINT64_MAX, &value));
    assert_true(slice_to_uint(SLICE("777"), 8, 511, &value));
    assert_int_equal(value, 511);
    assert_false(slice_to_uint(SLICE("8"), 8, 511, &value));
    assert_false(slice_to_uint(SLICE("g"), 16, 511, &value));
    assert_false(slice_to_uint(SLICE("+1"), 10, 511, &value));
    assert_false(slice_to_uint(SLICE_EMPTY, 10, 511, &value));
}

static const struct {
    const char *name, *text;
    bool good;
} utf8_cases[] = {
    {"ascii", "hello", true},
    {"two bytes", "\xc3\xa9", true},
    {"three bytes", "\xe2\x82\xac", true},
    {"four bytes", "\xf0\x9f\x98\x80", true},
    {"last", "\xf4\x8f\xbf\xbf", true},
    {"above the last", "\xf4\x90\x80\x80", false},
    {"overlong two", "\xc0\x80", false},
    {"overlong three", "\xe0\x9f\xbf", false},
    {"overlong four", "\xf0\x8f\xbf\xbf", false},
    {"surrogate", "\xed\xa0\x80", false},
    {"before the surrogates", "\xed\x9f\xbf", true},
    {"lone continuation", "\x80", false},
    {"cut", "a\xe2\x82", false},
    {"bad continuation", "\xe2\x82z", false},
    {"latin 1", "\xe9t\xe9", false},
    {"fe", "\xfe", false},
};

static void test_utf8(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(utf8_cases); i++) {
        test_case(utf8_cases[i].name);
        assert_int_equal(slice_is_utf8(slice_from(utf8_cases[i].text)), utf8_cases[i].good);
    }
    assert_true(slice_is_ascii(SLICE("a\x7f")));
    assert_false(slice_is_ascii(SLICE("a\x80")));
    assert_int_equal(slice_utf8_len(SLICE("\xe2\x82\xacx")), 3);
    assert_int_equal(slice_utf8_len(SLICE_EMPTY), 0);
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(slice_hash(SLICE("abc")) == slice_hash(SLICE("abc")));
    assert_true(slice_hash(SLICE("abc")) != slice_hash(SLICE("abd")));
    assert_true(slice_hash(SLICE("abc")) != slice_hash(SLICE("abc\0")));
    assert_true(slice_hash(SLICE("12345678")) != slice_hash(SLICE("123456781")));
    assert_true(slice_hash_nocase(SLICE("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) ==
                slice_hash(SLICE("abcdefghijklmnopqrstuvwxyz")));
    assert_true(slice_hash_nocase(SLICE("@[`{\xc1\xdb")) == slice_hash(SLICE("@[`{\xc1\xdb")));
}

static void test_dup(void **state)
{
    char *copy = slice_dup(SLICE("a\0b"));

    (void)state;
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),          cmocka_unit_test(test_compare),
        cmocka_unit_test(test_find),           cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split_and_word), cmocka_unit_test(test_to_int),
        cmocka_unit_test(test_to_uint),        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_hash),           cmocka_unit_test(test_dup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
