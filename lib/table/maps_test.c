/*
 * Lists of tables and the forms of an address.
 */
#include "table/maps.h"

#include "base/log.h"
#include "base/test.h"
#include "conf/params.h"

#define ALL_VIRTUAL   (MAPS_FULL | MAPS_NO_EXT | MAPS_LOCAL | MAPS_AT_DOMAIN)
#define ALL_ACCESS    (MAPS_FULL | MAPS_NO_EXT | MAPS_DOMAIN | MAPS_PARENTS | MAPS_LOCAL_PART)
#define ALL_TRANSPORT (MAPS_FULL | MAPS_NO_EXT | MAPS_DOMAIN | MAPS_PARENTS)

static const struct {
    const char *list, *address;
    unsigned forms;
    const char *value, *extension;
} rows[] = {
    {"inline:{u+x@d.test=1,u@d.test=2,u+x=3,u=4,@d.test=5}", "u+x@d.test", ALL_VIRTUAL, "1",
     ""},
    {"inline:{u@d.test=2,u+x=3,u=4,@d.test=5}", "u+x@d.test", ALL_VIRTUAL, "2", "+x"},
    {"inline:{u+x=3,u=4,@d.test=5}", "u+x@d.test", ALL_VIRTUAL, "3", ""},
    {"inline:{u=4,@d.test=5}", "u+x@d.test", ALL_VIRTUAL, "4", "+x"},
    {"inline:{@d.test=5}", "u+x@d.test", ALL_VIRTUAL, "5", ""},
    {"inline:{u=4}", "u+x@d.test", MAPS_FULL | MAPS_NO_EXT, NULL, ""},
    {"inline:{U@D.test=2}", "u@d.TEST", ALL_VIRTUAL, "2", ""},
    {"inline:{u=2}", "u", ALL_VIRTUAL, "2", ""},
    {"inline:{u=2}", "u+x", ALL_VIRTUAL, "2", "+x"},
    {"inline:{{\"a b\"@d.test = 1}}", "a b@d.test", ALL_VIRTUAL, "1", ""},
    {"inline:{{a b@d.test = 1}}", "a b@d.test", ALL_VIRTUAL, "1", ""},
    {"inline:{{\"a b\" = 1}}", "a b+x@d.test", ALL_VIRTUAL, "1", "+x"},
    {"inline:{{\"a@b\" = 1}}", "a@b@d.test", ALL_VIRTUAL, "1", ""},
    {"inline:{d.test=1,.test=2}", "u@d.test", ALL_ACCESS, "1", ""},
    {"inline:{.test=2,u@=3}", "u@d.test", ALL_ACCESS, "2", ""},
    {"inline:{u+x@=2,u@=3}", "u+x@d.test", ALL_ACCESS, "2", ""},
    {"inline:{u@=3}", "u+x@d.test", ALL_ACCESS, "3", "+x"},
    {"inline:{.d.test=1}", "u@a.d.test", ALL_TRANSPORT, "1", ""},
    {"inline:{d.test=1}", "u@a.d.test", ALL_TRANSPORT, NULL, ""},
    {"inline:{.a.d.test=1}", "u@a.d.test", ALL_TRANSPORT, NULL, ""},
    /* A form is asked of all tables before the next form. */
    {"inline:{d.test=1} inline:{u@d.test=2}", "u@d.test", ALL_ACCESS, "2", ""},
    /* Patterns see the whole address alone. */
    {"regexp:{{/^d.test$/ 1}}", "u@d.test", ALL_ACCESS, NULL, ""},
    {"regexp:{{/^@d.test$/ 1}},inline:{@d.test=2}", "u@d.test", ALL_VIRTUAL, "2", ""},
    {"regexp:{{/@d.test$/ 1}}", "u@d.test", ALL_ACCESS, "1", ""},
    {"unionmap:{inline:{d.test=1}}", "u@d.test", ALL_ACCESS, "1", ""},
    {"", "u@d.test", ALL_ACCESS, NULL, ""},
};

static void test_forms_of_an_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        struct maps_address query = {
            .address = slice_from(rows[i].address),
            .delimiters = "+",
            .forms = rows[i].forms,
        };
        struct error error = ERROR_INIT;
        struct maps *maps = maps_open("test_maps", rows[i].list, &error);
        enum table_result result;

        test_case(rows[i].list);
        assert_int_equal(error.kind, ERROR_NONE);
        result = maps_find_address(maps, &query, &value, &error);
        assert_int_equal(result, rows[i].value ? TABLE_FOUND : TABLE_NOT_FOUND);
        if (rows[i].value)
            assert_string_equal(value.data, rows[i].value);
        assert_slice_equal(query.extension, rows[i].extension);
        maps_free(maps);
    }
}

static void test_parents_without_dot(void **state)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct maps_address query = {
        .address = SLICE("u@a.b.test"),
        .delimiters = "",
        .forms = ALL_ACCESS,
        .parents_without_dot = true,
    };
    struct error error = ERROR_INIT;
    struct maps *maps = maps_open("test_maps", "inline:{.b.test=1, test=2}", &error);

    (void)state;
    assert_int_equal(maps_find_address(maps, &query, &value, &error), TABLE_FOUND);
    assert_string_equal(value.data, "2");
    maps_free(maps);
}

static char warning[200];

static void keep_warning(enum log_level level, const char *line)
{
    (void)level;
    snprintf(warning, sizeof(warning), "%s", line);
}

static const struct {
    const char *list, *opening, *logged, *text;
} broken[] = {
    {"inline:{b=c} lmdb:/nonexist", "open database /nonexist.lmdb: No such file or directory",
     "warning: lmdb:/nonexist is unavailable. open database /nonexist.lmdb: No such file or "
     "directory",
     "lmdb:/nonexist lookup error for \"a\""},
    {"foo:bar", "unsupported dictionary type: foo",
     "warning: foo:bar is unavailable. unsupported dictionary type: foo",
     "foo:bar lookup error for \"a\""},
    {"fail:x inline:{a=b}", "", "", "fail:x lookup error for \"a\""},
    {"static:{}", "", "", "test_maps lookup of a returns an empty string result"},
};

static void test_trouble_is_never_not_found(void **state)
{
    (void)state;
    log_hook = keep_warning;
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        CLEANUP(buf_release) struct buf value = BUF_INIT;
        struct error error = ERROR_INIT;
        struct maps *maps = maps_open("test_maps", broken[i].list, &error);

        warning[0] = '\0';
        assert_string_equal(error.text, broken[i].opening);
        assert_int_equal(maps_find(maps, SLICE("a"), &value, &error), TABLE_ERROR);
        assert_int_equal(error.kind, ERROR_TEMPORARY);
        assert_string_equal(error.text, broken[i].text);
        if (!strstr(warning, broken[i].logged))
            fail_msg("\"%s\" instead of \"%s\"", warning, broken[i].logged);
        maps_free(maps);
    }
    log_hook = NULL;
}

static void test_empty_key_is_in_no_table(void **state)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct error error = ERROR_INIT;
    struct maps *maps = maps_open("test_maps", "static:x", &error);

    (void)state;
    assert_int_equal(maps_find(maps, SLICE(""), &value, &error), TABLE_NOT_FOUND);
    assert_false(maps_is_empty(maps));
    maps_free(maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_an_address),
        cmocka_unit_test(test_parents_without_dot),
        cmocka_unit_test(test_trouble_is_never_not_found),
        cmocka_unit_test(test_empty_key_is_in_no_table),
    };

    params.smtputf8_enable = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
