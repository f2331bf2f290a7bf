#include "sources.h"

#include "base/test.h"
#include "base/time.h"
#include "conf/params.h"
#include "fetch.h"

static const struct {
    const char *name, *text;
    size_t count;
} good[] = {
    {"nothing", "", 0},
    {"a file", "{ office, file=/etc/token }", 1},
    {"blanks around =", "{ office, { file = /etc/token } }", 1},
    {"a command", "{ g, { command = /bin/token a b }, user=nobody, lifetime=50m }", 1},
    {"two", "{ a, file=/a }, { b, file=/b, user=nobody }", 2},
};

static const struct {
    const char *name, *text, *reason;
} bad[] = {
    {"no braces", "office", "office"},
    {"no name", "{ file=/etc/token }", "expected a name first: \"{ file=/etc/token }\""},
    {"neither", "{ a }", "a: expected either file= or command="},
    {"both", "{ a, file=/a, command=/b, user=nobody }", "a: expected either file= or command="},
    {"relative", "{ a, file=b }", "a: not an absolute path: \"b\""},
    {"relative command", "{ a, command=b }", "a: not an absolute path: \"b\""},
    {"empty command", "{ a, { command = } }", "a: empty command"},
    {"command without user", "{ a, command=/b }", "a: missing user= for the command"},
    {"unknown user", "{ a, file=/b, user=nobody-here }", "a: unknown user name: nobody-here"},
    {"root", "{ a, command=/b, user=root }",
     "a: user= command-line attribute specifies root privileges"},
    {"unknown word", "{ a, color=red }", "a: unknown attribute: \"color\""},
    {"no value", "{ a, file }", "a: missing '=' after attribute name: \"file\""},
    {"time", "{ a, command=/b, user=nobody, time_limit=2h }",
     "a: bad time value: \"2h\": expected 0 to 60s"},
    {"twice", "{ a, file=/a }, { a, file=/b }", "a: named twice"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct token_sources sources;
        struct error error = ERROR_INIT;

        test_case(good[i].name);
        assert_int_equal(
            token_sources_parse(&sources, slice_from(good[i].text), &arena, &error), 0);
        assert_int_equal(sources.count, good[i].count);
    }
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;
        struct token_sources sources;
        struct error error = ERROR_INIT;

        test_case(bad[i].name);
        assert_int_equal(token_sources_parse(&sources, slice_from(bad[i].text), &arena, &error),
                         -1);
        assert_non_null(strstr(error.text, bad[i].reason));
    }
}

static void test_fields(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    const char *text = "{ a, file=/a }, { b, { command = /bin/token -x y }, user=nobody,"
                       " lifetime=50m, time_limit=7s }";
    struct token_sources sources;
    struct error error;

    (void)state;
    assert_int_equal(token_sources_parse(&sources, slice_from(text), &arena, &error), 0);
    assert_null(token_sources_find(&sources, SLICE("c")));
    const struct token_source *a = token_sources_find(&sources, SLICE("a"));
    assert_string_equal(a->file, "/a");
    assert_false(a->has_user);
    const struct token_source *b = token_sources_find(&sources, SLICE("b"));
    assert_null(b->file);
    assert_string_equal(b->command[0], "/bin/token");
    assert_string_equal(b->command[2], "y");
    assert_null(b->command[3]);
    assert_int_equal(b->lifetime_ms, MINUTES(50));
    assert_int_equal(b->time_limit_ms, SECONDS(7));
    assert_true(b->has_user && b->user.uid != 0);
}

static const struct {
    const char *name, *text, *token; /* NULL: none */
} texts[] = {
    {"a line", "ya29.A0_b-c~d+e/f==\n", "ya29.A0_b-c~d+e/f=="},
    {"without its end", "abc", "abc"},
    {"CRLF and blanks", "  abc \r\nmore\n", "abc"},
    {"nothing", "", NULL},
    {"an empty line", "\nabc\n", NULL},
    {"two words", "error: none\n", NULL},
    {"control byte", "a\001b\n", NULL},
    {"not ASCII", "a\303\244\n", NULL},
};

static void test_first_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct slice token;

        test_case(texts[i].name);
        assert_int_equal(token_take(slice_from(texts[i].text), &token), texts[i].token != NULL);
        if (texts[i].token)
            assert_slice_equal(token, texts[i].token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_first_line),
    };

    params.mail_owner = "postfix";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
