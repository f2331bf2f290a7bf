#include "route/ehlo_keywords.h"

#include "conf/test.h"

static void test_parse(void **state)
{
    const struct {
        const char *name, *list;
        unsigned keywords;
    } rows[] = {
        {"empty", "", 0},
        {"one", "dsn", EHLO_DSN},
        {"commas, spaces, case", "Chunking,8bitmime silent-discard",
         EHLO_CHUNKING | EHLO_8BITMIME | EHLO_SILENT_DISCARD},
        {"an unknown one is left out", "dsn, nosuch, etrn", EHLO_DSN | EHLO_ETRN},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        test_case(rows[i].name);
        assert_int_equal(ehlo_keywords_parse(rows[i].list), rows[i].keywords);
    }
}

static void test_names(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)state;
    ehlo_keywords_add_names(&text, EHLO_CHUNKING | EHLO_SIZE | EHLO_AUTH);
    assert_string_equal(text.data, "AUTH SIZE CHUNKING");
    assert_string_equal(ehlo_keyword_name(EHLO_SILENT_DISCARD), "SILENT-DISCARD");
    for (unsigned bit = EHLO_PIPELINING; bit <= EHLO_SILENT_DISCARD; bit <<= 1)
        assert_int_equal(ehlo_keyword_find(slice_from(ehlo_keyword_name(bit))), bit);
    assert_int_equal(ehlo_keyword_find(SLICE("")), 0);
}

static void test_find(void **state)
{
    const struct {
        const char *name, *address;
        enum table_result result;
        unsigned keywords;
    } rows[] = {
        {"by address", "192.0.2.1", TABLE_FOUND, EHLO_CHUNKING | EHLO_SIZE},
        {"by address: nothing", "192.0.2.2", TABLE_FOUND, 0},
        {"else the list", "192.0.2.3", TABLE_NOT_FOUND, EHLO_DSN},
    };
    struct ehlo_discards discards = {0};

    (void)state;
    ehlo_discards_open(&discards, "dsn", "x_maps",
                       "inline:{{192.0.2.1=size,chunking}, {192.0.2.2=,}}");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned keywords = EHLO_ETRN;

        test_case(rows[i].name);
        assert_int_equal(ehlo_discards_find(&discards, slice_from(rows[i].address), &keywords),
                         rows[i].result);
        assert_int_equal(keywords, rows[i].keywords);
    }
    maps_free(discards.maps);
}

static void test_no_table(void **state)
{
    struct ehlo_discards discards = {0};
    unsigned keywords = EHLO_ETRN;

    (void)state;
    ehlo_discards_open(&discards, "dsn", "x_maps", "");
    assert_int_equal(ehlo_discards_find(&discards, SLICE("192.0.2.1"), &keywords),
                     TABLE_NOT_FOUND);
    assert_int_equal(keywords, EHLO_DSN);
    ehlo_discards_open(&discards, "dsn", "x_maps", "texthash:/nonexistent/table");
    keywords = EHLO_ETRN;
    assert_int_equal(ehlo_discards_find(&discards, SLICE("192.0.2.1"), &keywords), TABLE_ERROR);
    assert_int_equal(keywords, EHLO_ETRN);
    maps_free(discards.maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_no_table),
    };

    return cmocka_run_group_tests(tests, test_load_defaults, NULL);
}
