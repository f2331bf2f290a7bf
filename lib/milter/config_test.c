#include "milter/config.h"

#include "base/test.h"
#include "milter/macros.h"

static const struct milter_defaults defaults = {30000, 31000, 300000, "6", "tempfail"};

static int parse(const char *text, struct milter_list *list, struct arena *arena,
                 struct error *error)
{
    return milter_list_parse(list, slice_from(text), &defaults, arena, error);
}

static void test_plain_list(void **state)
{
    struct arena arena = ARENA_INIT;
    struct milter_list list;
    struct error error;

    (void)state;
    assert_int_equal(parse("inet:127.0.0.1:8891, unix:/run/x", &list, &arena, &error), 0);
    assert_int_equal(list.count, 2);
    assert_string_equal(list.items[0].name, "inet:127.0.0.1:8891");
    assert_null(list.items[0].trouble);
    assert_int_equal(list.items[0].address.inet.port, 8891);
    assert_int_equal(list.items[0].command_timeout, 31000);
    assert_int_equal(list.items[0].version, 6);
    assert_int_equal(list.items[1].address.kind, SOCKET_UNIX);
    assert_slice_equal(list.items[1].address.path, "/run/x");
    assert_int_equal(list.items[1].default_action, MILTER_DEFAULT_TEMPFAIL);
    assert_int_equal(parse("", &list, &arena, &error), 0);
    assert_int_equal(list.count, 0);
    arena_release(&arena);
}

static const char *const with_settings[] = {
    "{ inet:h:1, connect_timeout=5s, default_action=quarantine, protocol=4 }",
    "{inet:h:1 connect_timeout = 5s default_action = quarantine { protocol = 4 }}",
    "{ inet:h:1,\n connect_timeout =5s,\tdefault_action= QUARANTINE,{protocol=4 no_header_reply}}",
};

static void test_settings_in_braces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(with_settings); i++) {
        struct arena arena = ARENA_INIT;
        struct milter_list list;
        struct error error;

        test_case(with_settings[i]);
        assert_int_equal(parse(with_settings[i], &list, &arena, &error), 0);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.items[0].name, "inet:h:1");
        assert_int_equal(list.items[0].connect_timeout, 5000);
        assert_int_equal(list.items[0].content_timeout, 300000);
        assert_int_equal(list.items[0].default_action, MILTER_DEFAULT_QUARANTINE);
        assert_int_equal(list.items[0].version, 4);
        assert_int_equal(list.items[0].no_header_reply, i == 2);
        arena_release(&arena);
    }
}

static const struct {
    const char *text, *error, *trouble;
} wrong[] = {
    {"{ inet:h:1, foo=bar }", "unknown option: \"foo = bar\"", NULL},
    {"{ inet:h:1, foo }", "missing '=' after attribute name: \"foo\"", NULL},
    {"{ inet:h:1, connect_timeout=soon }", "bad time value: \"soon\"", NULL},
    {"{}", "empty milter definition: \"{}\"", NULL},
    {"bogus:h:1", NULL, "invalid transport name: bogus in Milter service: bogus:h:1"},
    {"h", NULL, "Milter service needs transport:endpoint instead of \"h\""},
    {"{ inet:h:1, protocol=5 }", NULL, "milter inet:h:1: bad protocol information: 5"},
};

static void test_wrong_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct arena arena = ARENA_INIT;
        struct milter_list list;
        struct error error;
        int result;

        test_case(wrong[i].text);
        result = parse(wrong[i].text, &list, &arena, &error);
        assert_int_equal(result, wrong[i].error ? -1 : 0);
        if (wrong[i].error)
            assert_string_equal(error.text, wrong[i].error);
        else
            assert_string_equal(list.items[0].trouble, wrong[i].trouble);
        arena_release(&arena);
    }
}

static const char *value(void *context, struct slice name)
{
    (void)context;
    return slice_equals(name, "i") ? "4AB" : slice_equals(name, "daemon_name") ? "" : NULL;
}

static void test_macros(void **state)
{
    const struct milter_macros macros = {
        .defaults = "zip={a b}, {foo}=bar, { spaced = x y }, i=never", .value = value};
    const char expected[] =
        "i\0004AB\0{daemon_name}\0\0{foo}\0bar\0{zip}\0{a b}\0{spaced}\0x y";
    struct buf out = BUF_INIT;

    (void)state;
    milter_macros_collect(&macros, SLICE("i {daemon_name},{none} {foo} {zip} {spaced}"), &out);
    assert_int_equal(out.len, sizeof(expected));
    assert_memory_equal(out.data, expected, sizeof(expected));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_list),
        cmocka_unit_test(test_settings_in_braces),
        cmocka_unit_test(test_wrong_ones),
        cmocka_unit_test(test_macros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
