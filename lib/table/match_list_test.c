/*
 * Pattern lists.
 */
#include "table/match_list.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "conf/params.h"

static const struct {
    const char *patterns, *name;
    enum match_parents parents;
    enum table_result result;
} names[] = {
    {"a.test, b.test", "b.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"a.test, b.test", "B.TEST", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"a.test", "x.a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {".a.test", "x.a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {".a.test", "y.x.a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {".a.test", "a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {"a.test", "x.a.test", MATCH_PARENTS_BARE, TABLE_FOUND},
    {"a.test", "xa.test", MATCH_PARENTS_BARE, TABLE_NOT_FOUND},
    {".a.test", "x.a.test", MATCH_PARENTS_NEVER, TABLE_NOT_FOUND},
    {"!x.a.test, .a.test", "x.a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {"!x.a.test, .a.test", "y.a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"!!a.test", "a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"inline:{a.test=}", "a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"inline:{.a.test=x}", "y.a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"inline:{a.test=x}", "y.a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {"inline:{a.test=x}", "y.a.test", MATCH_PARENTS_BARE, TABLE_FOUND},
    {"inline:{.test=x}", "a.test", MATCH_PARENTS_NEVER, TABLE_NOT_FOUND},
    {"!inline:{a.test=x}, static:all", "a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {"", "a.test", MATCH_PARENTS_DOT, TABLE_NOT_FOUND},
    {"/nonexist", "a.test", MATCH_PARENTS_DOT, TABLE_ERROR},
    {"a.test /nonexist", "a.test", MATCH_PARENTS_DOT, TABLE_FOUND},
    {"fail:x", "a.test", MATCH_PARENTS_DOT, TABLE_ERROR},
    {"foo:x", "a.test", MATCH_PARENTS_DOT, TABLE_ERROR},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct error error = ERROR_INIT;
        struct match_list *list =
            match_list_open("test_list", names[i].patterns, names[i].parents, &error);

        test_case(names[i].patterns);
        assert_int_equal(match_list_name(list, slice_from(names[i].name), &error),
                         names[i].result);
        match_list_free(list);
    }
}

static const struct {
    const char *patterns, *name, *address;
    enum table_result result;
} clients[] = {
    {"127.0.0.0/8", "unknown", "127.0.0.1", TABLE_FOUND},
    {"127.0.0.0/8", "unknown", "128.0.0.1", TABLE_NOT_FOUND},
    {"10.1.2.3", "unknown", "10.1.2.3", TABLE_FOUND},
    {"!10.1.2.3 10.0.0.0/8", "unknown", "10.1.2.3", TABLE_NOT_FOUND},
    {"[::1]/128", "localhost", "::1", TABLE_FOUND},
    {"[0:0:0:0:0:0:0:1]", "localhost", "::1", TABLE_FOUND},
    {"[2001:db8::]/32", "x", "2001:db8::5", TABLE_FOUND},
    {"[2001:db8::]/32", "x", "10.0.0.1", TABLE_NOT_FOUND},
    {".a.test", "x.a.test", "10.0.0.1", TABLE_FOUND},
    {"cidr:{{10.0.0.0/8 x}}", "x", "10.0.0.1", TABLE_FOUND},
    {"inline:{10.0.0.1=x}", "x", "10.0.0.1", TABLE_FOUND},
    {"unknown", "unknown", "10.0.0.1", TABLE_FOUND},
    {"10.1.2.3/8", "x", "10.0.0.1", TABLE_ERROR},
    {"10.1.2.3/8", "x", "::1", TABLE_NOT_FOUND},
    {"10.0.0.0/8", "x", "", TABLE_NOT_FOUND},
    {"10.0.0.0/8", "x", "::ffff:10.0.0.1", TABLE_FOUND},
};

static void test_clients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
        struct error error = ERROR_INIT;
        struct endpoint address = {0};
        struct match_list *list =
            match_list_open("test_list", clients[i].patterns, MATCH_PARENTS_DOT, &error);

        test_case(clients[i].patterns);
        if (clients[i].address[0])
            assert_int_equal(endpoint_parse(&address, slice_from(clients[i].address), 25), 0);
        assert_int_equal(match_list_client(list, slice_from(clients[i].name), &address, &error),
                         clients[i].result);
        match_list_free(list);
    }
}

static void test_trouble_has_postfix_text(void **state)
{
    static const struct {
        const char *patterns, *opening, *text;
    } rows[] = {
        {"10.1.2.3/8",
         "mynetworks: non-null host address bits in \"10.1.2.3/8\", perhaps you should use "
         "\"10.0.0.0/8\" instead",
         "mynetworks: non-null host address bits in \"10.1.2.3/8\", perhaps you should use "
         "\"10.0.0.0/8\" instead"},
        {"/nonexist", "open file /nonexist: No such file or directory",
         "mynetworks: non-existent:/nonexist: table lookup problem"},
        {"lmdb:/nonexist", "open database /nonexist.lmdb: No such file or directory",
         "mynetworks: lmdb:/nonexist: table lookup problem"},
    };
    struct endpoint address;

    (void)state;
    assert_int_equal(endpoint_parse(&address, SLICE("10.0.0.1"), 25), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error error = ERROR_INIT;
        struct match_list *list =
            match_list_open("mynetworks", rows[i].patterns, MATCH_PARENTS_DOT, &error);

        assert_string_equal(error.text, rows[i].opening);
        assert_int_equal(match_list_client(list, SLICE("x"), &address, &error), TABLE_ERROR);
        assert_string_equal(error.text, rows[i].text);
        match_list_free(list);
    }
}

static void test_files(void **state)
{
    char path[] = "/tmp/match_list_test.XXXXXX";
    const char text[] = "# comment\n127.0.0.1 # more\n!127.0.0.9\n  127.0.0.0/24, x.test\n";
    CLEANUP(fd_close) int fd = mkstemp(path);
    struct error error = ERROR_INIT;
    struct match_list *list;

    (void)state;
    assert_int_equal(fd_write_all(fd, text, sizeof(text) - 1), 0);
    list = match_list_open("test_list", path, MATCH_PARENTS_DOT, &error);
    unlink(path);

    static const struct {
        const char *address;
        enum table_result result;
    } rows[] = {{"127.0.0.1", TABLE_FOUND},
                {"127.0.0.9", TABLE_NOT_FOUND},
                {"127.0.0.7", TABLE_FOUND},
                {"127.9.9.9", TABLE_NOT_FOUND}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct endpoint address;

        assert_int_equal(endpoint_parse(&address, slice_from(rows[i].address), 0), 0);
        assert_int_equal(match_list_client(list, SLICE("unknown"), &address, &error),
                         rows[i].result);
    }
    assert_int_equal(match_list_name(list, SLICE("x.test"), &error), TABLE_FOUND);
    match_list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_trouble_has_postfix_text),
        cmocka_unit_test(test_files),
    };

    params.smtputf8_enable = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
