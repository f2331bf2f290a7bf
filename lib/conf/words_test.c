#include "conf/words.h"

#include "base/test.h"

static const struct {
    const char *name, *text, *words[4];
} lists[] = {
    {"blanks and commas", " a, b\tc,,", {"a", "b", "c"}},
    {"braces keep a word together", "x {a b, c} y", {"x", "{a b, c}", "y"}},
    {"braces inside a word", "inline:{a=b, c=d} z", {"inline:{a=b, c=d}", "z"}},
    {"nested braces", "{a {b c} d}", {"{a {b c} d}"}},
    {"an unclosed brace takes the rest", "a {b c", {"a", "{b c"}},
    {"a stray closing brace is a byte", "a} b", {"a}", "b"}},
    {"nothing", " , ", {NULL}},
};

static void test_next(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct slice rest = slice_from(lists[i].text), word;
        size_t n = 0;

        test_case(lists[i].name);
        while (words_next(&rest, WORDS_COMMA_SPACE, &word)) {
            assert_non_null(lists[i].words[n]);
            assert_slice_equal(word, lists[i].words[n]);
            n++;
        }
        assert_null(lists[i].words[n]);
    }
}

static void test_have(void **state)
{
    (void)state;
    assert_true(words_have(SLICE("bounce, Delay"), SLICE("delay")));
    assert_true(words_have(SLICE("x"), SLICE("x")));
    assert_false(words_have(SLICE("bounced, delay"), SLICE("bounce")));
    assert_false(words_have(SLICE(""), SLICE("x")));
    assert_false(words_have(SLICE("a,,b"), SLICE("")));
}

static const struct {
    const char *name, *text, *unbraced; /* NULL: an error */
} braced[] = {
    {"trimmed", "{ a b }", "a b"}, {"nested", "{{a}}", "{a}"},    {"empty", "{}", ""},
    {"unclosed", "{a", NULL},      {"text behind", "{a}b", NULL}, {"no braces", "a", NULL},
};

static void test_unbrace(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(braced); i++) {
        struct slice text = SLICE("unchanged");
        struct error error = ERROR_INIT;

        test_case(braced[i].name);
        assert_int_equal(words_unbrace(slice_from(braced[i].text), &text, &error),
                         braced[i].unbraced ? 0 : -1);
        assert_slice_equal(text, braced[i].unbraced ? braced[i].unbraced : "unchanged");
    }
}

static const struct {
    const char *name, *text, *left, *right; /* left NULL: no assignment */
} assignments[] = {
    {"plain", "a=b", "a", "b"},     {"white space", " a = b c ", "a", "b c"},
    {"empty value", "a=", "a", ""}, {"equals in the value", "a=b=c", "a", "b=c"},
    {"no equals", "a", NULL, NULL}, {"no name", "=b", NULL, NULL},
};

static void test_split_assignment(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(assignments); i++) {
        struct slice name, value;

        test_case(assignments[i].name);
        assert_int_equal(words_split_assignment(slice_from(assignments[i].text), &name, &value),
                         assignments[i].left != NULL);
        if (!assignments[i].left)
            continue;
        assert_slice_equal(name, assignments[i].left);
        assert_slice_equal(value, assignments[i].right);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_have),
        cmocka_unit_test(test_unbrace),
        cmocka_unit_test(test_split_assignment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
