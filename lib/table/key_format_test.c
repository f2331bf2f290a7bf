#include "table/key_format.h"

#include "base/test.h"

static const struct {
    const char *name, *format, *key, *value,
        *expected; /* value NULL: a query; expected NULL: nothing */
} cases[] = {
    {"whole key", "k=%s", "joe@x.test", NULL, "k=joe@x.test"},
    {"parts of the key", "%u at %d", "joe@x.test", NULL, "joe at x.test"},
    {"the last @ divides", "%u/%d", "a@b@c", NULL, "a@b/c"},
    {"upper case is the same in a query", "%S %U %D", "joe@x.test", NULL,
     "joe@x.test joe x.test"},
    {"percent", "100%% %s", "a", NULL, "100% a"},
    {"local part of what has none", "%u", "joe", NULL, "joe"},
    {"domain of what has none", "%d", "joe", NULL, NULL},
    {"empty domain", "%d", "joe@", NULL, NULL},
    {"empty local part", "%u", "@x.test", NULL, NULL},
    {"labels", "%1.%2.%3", "u@mail.example.com", NULL, "com.example.mail"},
    {"not so many labels", "%4", "u@mail.example.com", NULL, NULL},
    {"labels without a domain", "%1", "mail.example.com", NULL, NULL},
    {"empty labels do not count", "%2", "u@a..b", NULL, "a"},
    {"value", "smtp:[%s]", "k", "host", "smtp:[host]"},
    {"parts of a value", "%u-%d", "k", "joe@x.test", "joe-x.test"},
    {"unqualified value", "%d", "k@d", "joe", NULL},
    {"value without a local part", "%u", "k@d", "@x", NULL},
    {"empty value", "x", "k@d", "", NULL},
    {"value and key", "%s for %U of %D", "k@d", "v@w", "v@w for k of d"},
    {"labels are those of the key", "%s.%1", "k@a.b", "v@c.d", "v@c.d.b"},
    {"key lacks a part", "%s %D", "k", "v@w", NULL},
};

static void test_expand(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_release) struct buf out = BUF_INIT;
        struct slice key = slice_from(cases[i].key);
        bool is_expanded;

        test_case(cases[i].name);
        buf_set_text(&out, "> ");
        if (cases[i].value)
            is_expanded =
                key_format_result(cases[i].format, key, slice_from(cases[i].value), &out);
        else
            is_expanded = key_format_query(cases[i].format, key, NULL, &out);
        assert_int_equal(is_expanded, cases[i].expected != NULL);
        assert_string_equal(out.data + 2, cases[i].expected ? cases[i].expected : "");
    }
}

static bool add_upper(struct key_format_quote *quote, struct buf *out, struct slice text)
{
    (void)quote;
    if (slice_find(text, '!') < text.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        buf_add_char(out, ascii_upper(text.ptr[i]));
    return true;
}

static void test_quote(void **state)
{
    struct key_format_quote quote = {add_upper};
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    (void)state;
    assert_true(key_format_query("s %s u %u", SLICE("a@b"), &quote, &out));
    assert_string_equal(out.data, "s A@B u A");
    assert_false(key_format_query("s %s", SLICE("!"), &quote, &out));
    assert_string_equal(out.data, "s A@B u A");
}

static void test_check(void **state)
{
    static const char *const wrong[] = {"%x", "100%", "%0", "%s %", "%l"};
    struct error error;

    (void)state;
    assert_int_equal(key_format_check("%% %s %u %d %S %U %D %1 %9", "/f", "query", &error), 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        test_case(wrong[i]);
        assert_int_equal(key_format_check(wrong[i], "/f", "query", &error), -1);
        assert_int_equal(error.kind, ERROR_PERMANENT);
    }
    assert_string_equal(error.text, "db_common_parse: /f: Invalid query template: %l");
}

static void test_fits(void **state)
{
    (void)state;
    assert_true(key_format_fits("%s", SLICE("joe")));
    assert_true(key_format_fits("%d", SLICE("joe")));
    assert_false(key_format_fits("%D", SLICE("joe")));
    assert_false(key_format_fits("%2", SLICE("joe@com")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
