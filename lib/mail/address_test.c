#include "mail/address.h"

#include "base/test.h"

/* Paths as they come behind "RCPT TO:", and what Postfix 3.7 makes of them. */
static const struct {
    const char *name, *path;
    const char *address; /* NULL: refused */
    const char *rest;
    bool strict_too; /* the strict form takes it, too */
} paths[] = {
    {"plain", "<a@x.test>", "a@x.test", "", true},
    {"blanks in front", "  <a@x.test>", "a@x.test", "", true},
    {"parameters", "<a@x.test> SIZE=3", "a@x.test", " SIZE=3", true},
    {"null sender", "<>", "", "", true},
    {"without brackets", "a@x.test", "a@x.test", "", false},
    {"name alone", "<postmaster>", "postmaster", "", true},
    {"one bracket", "a@x.test>", "a@x.test", "", false},
    {"open bracket", "<a@x.test", NULL, NULL, false},
    {"two brackets", "<<a@x.test>>", "a@x.test", "", true},
    {"two paths", "<a@x.test>,<b@x.test>", NULL, NULL, false},
    {"text behind", "<a@x.test>SIZE=1", NULL, NULL, false},
    {"comment", "<a(c(d)e)@x.test>", "a@x.test", "", false},
    {"comment without end", "<a(@x.test>", "a", "", false},
    {"source route", "<@r1.test,@r2.test:a@x.test>", "a@x.test", "", true},
    {"no source route", "<a:b@x.test>", "a:b@x.test", "", true},
    {"quoted", "<\"a b\"@x.test>", "a b@x.test", "", true},
    {"quoted white space", "<\"a\tb\rc\\\td\"@x.test>", "a b c d@x.test", "", true},
    {"quoted for nothing", "<\"ab\"@x.test>", "ab@x.test", "", true},
    {"quoted quote", "<\"a\\\"b\"@x.test>", "a\"b@x.test", "", true},
    {"quoted word in a name", "<b.\"a c\"@x.test>", "b.a c@x.test", "", true},
    {"quote without end", "<\"a b@x.test>", NULL, NULL, false},
    {"backslash", "<a\\ b@x.test>", "a b@x.test", "", true},
    {"two words", "<a b@x.test>", NULL, NULL, false},
    {"quoted beside a word", "<\"a\"b@x.test>", NULL, NULL, false},
    {"blanks around", "< a @ x.test >", "a@x.test", "", true},
    {"two @", "<a@b@x.test>", "a@b@x.test", "", true},
    {"dots anywhere", "<.a..b.@x.test>", ".a..b.@x.test", "", true},
    {"empty local part", "<@x.test>", "@x.test", "", false},
    {"quoted empty local part", "<\"\"@x.test>", "@x.test", "", false},
    {"empty domain", "<a@>", NULL, NULL, false},
    {"comma", "<a,b@x.test>", NULL, NULL, false},
    {"semicolon", "<a;b@x.test>", NULL, NULL, false},
    {"literal", "<a@[1.2.3.4]>", "a@[1.2.3.4]", "", true},
    {"literal without end", "<a@[1.2.3.4>", "a@[1.2.3.4]", "", true},
    {"IPv6 literal", "<a@[IPv6:::1]>", "a@[IPv6:::1]", "", true},
    {"bad literal", "<a@[1.2.3]>", NULL, NULL, false},
    {"blanks in the literal", "<a@[ 1.2.3.4 ]>", NULL, NULL, false},
    {"literal beside a word", "<a@x[1.2.3.4]>", NULL, NULL, false},
    {"numeric domain", "<a@1.2.3.4>", NULL, NULL, false},
    {"dot at the end", "<a@x.test.>", "a@x.test.", "", true},
    {"empty label", "<a@x..test>", NULL, NULL, false},
    {"hyphen at a label's start", "<a@-x.test>", NULL, NULL, false},
    {"underscore", "<a@x_y.test>", "a@x_y.test", "", true},
    {"UTF-8", "<\xc3\xbc@x.test>", "\xc3\xbc@x.test", "", true},
    {"routing characters", "<h!a%h>", "h!a%h", "", true},
    {"nothing", "", NULL, NULL, false},
    {"blank", " ", NULL, NULL, false},
};

static void check_path(size_t i, enum address_strictness strictness, bool accepted)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct slice address, rest;
    struct error error = ERROR_INIT;

    assert_int_equal(address_parse_path(slice_from(paths[i].path), strictness, &arena, &address,
                                        &rest, &error),
                     accepted ? 0 : -1);
    if (accepted) {
        assert_slice_equal(address, paths[i].address);
        assert_slice_equal(rest, paths[i].rest);
    } else {
        assert_int_equal(error.kind, ERROR_PERMANENT);
        assert_string_equal(error.dsn, "5.1.3");
    }
}

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        test_case(paths[i].name);
        check_path(i, ADDRESS_LENIENT, paths[i].address != NULL);
        check_path(i, ADDRESS_STRICT, paths[i].strict_too);
    }
}

static const struct {
    const char *internal, *quoted;
} quotings[] = {
    {"a@x", "a@x"},
    {"a.b@x", "a.b@x"},
    {"", ""},
    {"a", "a"},
    {"a b", "\"a b\""},
    {"a b@x", "\"a b\"@x"},
    {".a@x", "\".a\"@x"},
    {"a..b@x", "\"a..b\"@x"},
    {"a@b@x", "\"a@b\"@x"},
    {"a\"\\b@x", "\"a\\\"\\\\b\"@x"},
    {"@x", "\"\"@x"},
    {"\xc3\xbc@x", "\xc3\xbc@x"},
    {"@a.test:x@b.test", "@a.test:x@b.test"},
    {"@a,@b:x y@c.test", "@a,@b:\"x y\"@c.test"},
    {"@a.test:@b:x@c.test", "@a.test:\"@b:x\"@c.test"},
    {"@a.test:x", "@a.test:x"},
    {"|cmd", "|cmd"},
    {"a,b@x", "\"a,b\"@x"},
};

static void test_quoting(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(quotings); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA_INIT;

        test_case(quotings[i].internal);
        assert_slice_equal(address_quoted(&arena, slice_from(quotings[i].internal)),
                           quotings[i].quoted);
        assert_slice_equal(address_unquoted(&arena, slice_from(quotings[i].quoted)),
                           quotings[i].internal);
    }
}

static void test_parts(void **state)
{
    (void)state;
    assert_slice_equal(address_local_part(SLICE("a@b@c")), "a@b");
    assert_slice_equal(address_domain(SLICE("a@b@c")), "c");
    assert_slice_equal(address_local_part(SLICE("a")), "a");
    assert_slice_equal(address_domain(SLICE("a")), "");
}

/* As Postfix 3.7 splits with recipient_delimiter = +- */
static const struct {
    const char *local_part;
    const char *user, *extension; /* NULL: does not split */
} extensions[] = {
    {"alice", NULL, NULL},
    {"alice+", "alice", ""},
    {"alice+x", "alice", "x"},
    {"alice-x+y", "alice", "x+y"},
    {"+x", NULL, NULL},
    {"owner-list", NULL, NULL},
    {"OWNER-list+x", NULL, NULL},
    {"list-request", NULL, NULL},
    {"list-request+x", "list", "request+x"},
    {"-request", NULL, NULL},
    {"request-x", "request", "x"},
    {"postmaster+x", "postmaster", "x"},
    {"MAILER-DAEMON", NULL, NULL},
    {"mailer-daemon+x", "mailer", "daemon+x"},
    {"double-bounce", NULL, NULL},
};

static void test_extensions(void **state)
{
    struct slice user, extension;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
        test_case(extensions[i].local_part);
        assert_int_equal(address_split_extension(slice_from(extensions[i].local_part), "+-",
                                                 true, &user, &extension),
                         extensions[i].user != NULL);
        assert_slice_equal(user,
                           extensions[i].user ? extensions[i].user : extensions[i].local_part);
        assert_slice_equal(extension, extensions[i].user ? extensions[i].extension : "");
    }
    assert_true(address_split_extension(SLICE("owner-x"), "+-", false, &user, &extension));
    assert_true(address_split_extension(SLICE("owner-x+y"), "+", true, &user, &extension));
    assert_false(address_split_extension(SLICE("a+b"), "", true, &user, &extension));
}

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *name;
    bool is_name, is_name_or_literal;
} hostnames[] = {
    {"x", true, true},
    {"x.test", true, true},
    {"a-b.x_y.test", true, true},
    {L63 ".test", true, true},
    {L63 "a.test", false, false},
    {"x.test.", false, false},
    {".x", false, false},
    {"x..y", false, false},
    {"-x", false, false},
    {"x-.y", false, false},
    {"x-", false, false},
    {"x y", false, false},
    {"1.2.3.4", false, false},
    {"1.2.3.4a", true, true},
    {"", false, false},
    {"[1.2.3.4]", false, true},
    {"[IPv6:2001:db8::1]", false, true},
    {"[ipv6:::ffff:1.2.3.4]", false, true},
    {"[2001:db8::1]", false, false},
    {"[x.test]", false, false},
    {"[]", false, false},
};

static void test_hostnames(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hostnames); i++) {
        struct slice name = slice_from(hostnames[i].name);

        test_case(hostnames[i].name);
        assert_int_equal(hostname_is_valid(name), hostnames[i].is_name);
        assert_int_equal(hostname_is_valid_or_literal(name), hostnames[i].is_name_or_literal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),     cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_parts),     cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_hostnames),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
