#include "entry.h"

#include "base/test.h"

static const struct lifetimes lifetimes = {.positive_expire = 10000,
                                           .positive_refresh = 5000,
                                           .negative_expire = 3000,
                                           .negative_refresh = 1500};

#define NOW 1000000

static const struct {
    const char *name, *value;
    bool is_valid, is_expired, wants_probe;
    bool yields_to_failure;
} rows[] = {
    {"fresh and good", "0:0:999000:2.1.5 ok", true, false, false, false},
    {"good, to be refreshed", "0:0:994000:ok", true, false, true, false},
    {"good, being refreshed", "0:999500:994000:ok", true, false, false, false},
    {"good, refresh was lost", "0:998000:994000:ok", true, false, true, false},
    {"good, expired", "0:0:989000:ok", true, true, true, true},
    {"bad", "2:0:999000:unknown user", true, false, false, true},
    {"bad, to be refreshed", "2:0:998000:unknown user", true, false, true, true},
    {"bad, expired", "2:0:996000:unknown user", true, true, true, true},
    {"deferred", "1:0:999000:connection refused", true, false, false, true},
    {"probe under way", "3:999999:0:in progress", true, false, false, true},
    {"probe lost", "3:998000:0:in progress", true, true, true, true},
    {"colons in the text", "0:0:999000:a:b:c", true, false, false, false},
    {"no text", "0:0:999000:", false, false, false, false},
    {"unknown status", "4:0:999000:x", false, false, false, false},
    {"no numbers", "a:b:c:d", false, false, false, false},
    {"too short", "0:1", false, false, false, false},
    {"empty", "", false, false, false, false},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        struct entry entry;

        test_case(rows[i].name);
        assert_int_equal(entry_parse(&entry, slice_from(rows[i].value)), rows[i].is_valid);
        if (!rows[i].is_valid)
            continue;
        entry_format(&text, &entry);
        assert_string_equal(text.data, rows[i].value);
        assert_int_equal(entry_is_expired(&entry, &lifetimes, NOW), rows[i].is_expired);
        assert_int_equal(entry_wants_probe(&entry, &lifetimes, NOW), rows[i].wants_probe);
        assert_true(entry_yields(&entry, VERIFY_RECIPIENT_OK, &lifetimes, NOW));
        assert_int_equal(entry_yields(&entry, VERIFY_RECIPIENT_BOUNCE, &lifetimes, NOW),
                         rows[i].yields_to_failure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
