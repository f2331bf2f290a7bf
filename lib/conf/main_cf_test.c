#include "conf/main_cf.h"

#include <string.h>

#include "base/test.h"

static const char *const definitions =
    "y = 1\n"
    "z =\n"
    "ref = $z\n"
    "dollar = $$y\n"
    "two = $y$y\n"
    "loop_a = $loop_b\n"
    "loop_b = $loop_a\n"
    "blank = a b\n"
    "bomb9 = $bomb8$bomb8$bomb8$bomb8$bomb8$bomb8$bomb8$bomb8\n"
    "bomb8 = $bomb7$bomb7$bomb7$bomb7$bomb7$bomb7$bomb7$bomb7\n"
    "bomb7 = $bomb6$bomb6$bomb6$bomb6$bomb6$bomb6$bomb6$bomb6\n"
    "bomb6 = $bomb5$bomb5$bomb5$bomb5$bomb5$bomb5$bomb5$bomb5\n"
    "bomb5 = $bomb4$bomb4$bomb4$bomb4$bomb4$bomb4$bomb4$bomb4\n"
    "bomb4 = $bomb3$bomb3$bomb3$bomb3$bomb3$bomb3$bomb3$bomb3\n"
    "bomb3 = $bomb2$bomb2$bomb2$bomb2$bomb2$bomb2$bomb2$bomb2\n"
    "bomb2 = $bomb1$bomb1$bomb1$bomb1$bomb1$bomb1$bomb1$bomb1\n"
    "bomb1 = $z\n";

/* What Postfix prints for the same text, by postconf -x. */
static const struct {
    const char *name, *text, *expanded;
} accepted[] = {
    {"text", "a {b}", "a {b}"},
    {"three ways", "$y ${y} $(y)", "1 1 1"},
    {"white space in braces", "${ y }", "1"},
    {"undefined", "a${nosuch}b$nosuch", "ab"},
    {"a name ends at punctuation", "$y.z-$y", "1.z-1"},
    {"dollars", "$$y $$$y", "$y $1"},
    {"a dollar from a value", "$dollar", "$y"},
    {"if set", "${y?text $y}", "text 1"},
    {"if not set", "${z?text}", ""},
    {"unless", "${z:text}${y:no}", "text"},
    {"the raw value counts", "${ref?set}", "set"},
    {"either", "${y?{a}:{b}}${z?{a}:{b}}", "ab"},
    {"either, with white space", "${y ? { a b } : x}|", "a b |"},
    {"bare text keeps its blanks", "|${y ? a : b}|", "| a : b|"},
    {"bare else", "|${z ?{ a } : x }|", "| x |"},
    {"bare text takes a colon", "${y?T:F}", "T:F"},
    {"empty bodies", "|${y?}|${z:}|", "|||"},
    {"stray brace", "${y?a}b}", "ab}"},
    {"nested", "${z:${y?{in $y}}}", "in 1"},
    {"equal", "${{$y} == {1} ? {T} : {F}}", "T"},
    {"equal, expanded", "${{$ref} == {} ? {T}}", "T"},
    {"equal without a body", "${{a}=={a}}|${{a} == {b}}", "true|"},
    {"not equal, else", "${{a} == {a} : {T}}|${{a} != {a} : {T}}", "|T"},
    {"numbers", "${{10} < {9}}|${{10} > {9}}|${{007} == {7}}", "|true|true"},
    {"strings when one is no number", "${{10} < {9a}}|${{-1} < {1}}", "true|true"},
    {"white space before the brace counts", "${{ a } == {a}}", ""},
    {"a value with a blank", "${{$blank} == {a b}}", "true"},
    {"computed operands", "${{$y$y}<{$two}?{x}:{$y-$two}}", "1-11"},
    {"levels", "${{3.10} <level {3.9}}|${{3.10} >level {3.9}}|${{3.1} !=level {3.2}}",
     "|true|true"},
    {"levels of different length", "${{3} ==level {3.0.0}}|${{3.10} <=level {3.10.0}}",
     "true|true"},
    {"function", "${domain_to_ascii{mail.example}}", "mail.example"},
    {"function of a name", "${domain_to_ascii{$blank}}", "a b"},
    {"function, international", "${domain_to_ascii{b\303\274cher.example}}",
     "xn--bcher-kva.example"},
    {"level of the configuration", "${{$compatibility_level} <level {1} ? {old} : {new}}",
     "old"},
};

static void test_expand_accepts(void **state)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    struct error error = ERROR_INIT;

    (void)state;
    main_cf_init(&main_cf);
    assert_int_equal(main_cf_parse(&main_cf, slice_from(definitions), "main.cf", &error), 0);
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        CLEANUP(buf_release) struct buf result = BUF_INIT;

        test_case(accepted[i].name);
        assert_int_equal(main_cf_expand(&main_cf, accepted[i].text, &result, &error), 0);
        assert_string_equal(result.data, accepted[i].expanded);
    }
}

static const struct {
    const char *name, *text, *reason;
} refused[] = {
    {"nothing after a dollar", "a$", "empty macro name"},
    {"no name", "${}", "empty macro name"},
    {"no name either", "a$-b", "empty macro name"},
    {"unclosed", "${y", "truncated macro reference"},
    {"unclosed parenthesis", "$(y", "truncated macro reference"},
    {"unclosed body", "${y?{b}", "truncated macro reference"},
    {"bad name", "${y-b}", "attribute name syntax error"},
    {"text after a body", "${y?{b}c}", "\":\" expected at"},
    {"text after both bodies", "${y?{b}:{c}d}", "end of expression expected"},
    {"no relation", "${{a} ~ {b}}", "\"==\" or \"!=\""},
    {"no right side", "${{a} == b}", "\"{expression}\" expected"},
    {"no level", "${{abc} <level {3}}", "malformed compatibility level"},
    {"empty level", "${{} <level {3}}", "malformed compatibility level"},
    {"long level", "${{3.6.1.2} <level {3}}", "malformed compatibility level"},
    {"huge number", "${{99999999999999999999} > {1}}", "number too large"},
    {"endless", "$loop_a", "unreasonable macro call nesting"},
    {"too much work", "$bomb9", "too many macro calls"},
};

static void test_expand_refuses(void **state)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    struct error error = ERROR_INIT;

    (void)state;
    main_cf_init(&main_cf);
    assert_int_equal(main_cf_parse(&main_cf, slice_from(definitions), "main.cf", &error), 0);
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        CLEANUP(buf_release) struct buf result = BUF_INIT;

        test_case(refused[i].name);
        buf_add_text(&result, "kept");
        assert_int_equal(main_cf_expand(&main_cf, refused[i].text, &result, &error), -1);
        assert_non_null(strstr(error.text, refused[i].reason));
        assert_string_equal(result.data, "kept");
    }
}

static const struct {
    const char *name, *text, *value; /* of x */
    int line;
} lines[] = {
    {"plain", "x = 1\n", "1", 1},
    {"no blanks, no newline", "x=1", "1", 1},
    {"empty", "x =\n", "", 1},
    {"continued", "x = a,\n  b\n\tc\n", "a,  b\tc", 1},
    {"a comment in between", "# head\nx = a\n# comment\n  # another\n\n  b\n", "a  b", 2},
    {"the last one wins", "x = 1\ny = 2\nx = 3\n", "3", 3},
    {"carriage returns", "x = 1\r\ny = 2\r\n", "1", 1},
    {"equals in the value", "x = a=b\n", "a=b", 1},
    {"a line that continues nothing", "  y = 1\nx = 2\n", "2", 2},
};

static void test_parse_accepts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        CLEANUP(main_cf_release) struct main_cf main_cf;
        const struct main_cf_entry *entry;
        struct error error = ERROR_INIT;

        test_case(lines[i].name);
        main_cf_init(&main_cf);
        assert_int_equal(main_cf_parse(&main_cf, slice_from(lines[i].text), "f", &error), 0);
        entry = main_cf_find(&main_cf, SLICE("x"));
        assert_non_null(entry);
        assert_string_equal(entry->value, lines[i].value);
        assert_int_equal(entry->line, lines[i].line);
    }
}

static const struct {
    const char *name;
    struct slice text;
    const char *message;
} bad_lines[] = {
    {"no equals", SLICE("a = b\nfoo\n"),
     "f, line 2: missing '=' after attribute name: \"foo\""},
    {"no name", SLICE("= b\n"), "f, line 1: missing attribute name: \"= b\""},
    {"two words", SLICE("a b = c\n"),
     "f, line 1: missing '=' after attribute name: \"a b = c\""},
    {"NUL", SLICE("a = b\0c\n"), "f, line 1: there is a NUL byte in \"a = b\""},
};

static void test_parse_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_lines); i++) {
        CLEANUP(main_cf_release) struct main_cf main_cf;
        struct error error = ERROR_INIT;

        test_case(bad_lines[i].name);
        main_cf_init(&main_cf);
        assert_int_equal(main_cf_parse(&main_cf, bad_lines[i].text, "f", &error), -1);
        assert_string_equal(error.text, bad_lines[i].message);
    }
}

static void test_serialize(void **state)
{
    CLEANUP(main_cf_release) struct main_cf from;
    CLEANUP(main_cf_release) struct main_cf to;
    CLEANUP(buf_release) struct buf bytes = BUF_INIT;
    struct error error = ERROR_INIT;

    (void)state;
    main_cf_init(&from);
    main_cf_init(&to);
    assert_int_equal(main_cf_parse(&from, SLICE("x = 1\n\ny = $x\n"), "f", &error), 0);
    main_cf_set_computed(&from, "myhostname", "host.example");
    main_cf_serialize(&from, &bytes);
    assert_int_equal(main_cf_unserialize(&to, buf_slice(&bytes), &error), 0);
    assert_string_equal(main_cf_find(&to, SLICE("y"))->value, "$x");
    assert_int_equal(main_cf_find(&to, SLICE("y"))->line, 3);
    assert_string_equal(main_cf_raw(&to, SLICE("myhostname")), "host.example");
    for (size_t cut = 1; cut < bytes.len; cut++) {
        CLEANUP(main_cf_release) struct main_cf part;

        main_cf_init(&part);
        if (bytes.data[bytes.len - cut - 1] != '\0') {
            assert_int_equal(
                main_cf_unserialize(&part, slice_sub(buf_slice(&bytes), 0, bytes.len - cut),
                                    &error),
                -1);
        }
    }
}

static void test_override(void **state)
{
    CLEANUP(main_cf_release) struct main_cf main_cf;
    struct error error = ERROR_INIT;

    (void)state;
    main_cf_init(&main_cf);
    assert_int_equal(main_cf_parse(&main_cf, SLICE("x = 1\n"), "f", &error), 0);
    assert_int_equal(main_cf_override(&main_cf, SLICE("x = 2"), &error), 0);
    assert_string_equal(main_cf_raw(&main_cf, SLICE("x")), "2");
    assert_int_equal(main_cf_override(&main_cf, SLICE("x"), &error), -1);
    assert_true(main_cf_level_is(&main_cf, "0"));
    assert_false(main_cf_level_is(&main_cf, "3.6"));
    main_cf_set(&main_cf, SLICE("compatibility_level"), SLICE("3.10"));
    assert_true(main_cf_level_is(&main_cf, "3.6"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand_accepts), cmocka_unit_test(test_expand_refuses),
        cmocka_unit_test(test_parse_accepts),  cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_serialize),      cmocka_unit_test(test_override),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
