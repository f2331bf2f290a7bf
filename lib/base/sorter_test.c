/*
 * Sorting in memory and in a file.
 */
#include "base/sorter.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/test.h"

#define N_ENTRIES 20000

static struct sorter *start(size_t memory_bytes, enum sorter_ties ties)
{
    struct sorter *sorter = sorter_new("/tmp/sorter_test", memory_bytes, ties);

    assert_non_null(sorter);
    return sorter;
}

static void add(struct sorter *sorter, const char *key, const char *value, int number)
{
    struct sorter_entry entry = {slice_from(key), slice_from(value), number};
    struct error error = ERROR_INIT;

    if (sorter_add(sorter, &entry, &error) < 0)
        fail_msg("%s", error.text);
}

/* "key=value#number " of all entries. */
static void list(struct sorter *sorter, struct buf *text)
{
    struct sorter_entry entry;
    struct error error = ERROR_INIT;
    int result;

    while ((result = sorter_next(sorter, &entry, &error)) > 0) {
        assert_int_equal(entry.key.ptr[entry.key.len], '\0');
        assert_int_equal(entry.value.ptr[entry.value.len], '\0');
        buf_printf(text, "%.*s=%.*s#%d ", SLICE_ARG(entry.key), SLICE_ARG(entry.value),
                   entry.number);
    }
    assert_int_equal(result, 0);
    assert_int_equal(sorter_next(sorter, &entry, &error), 0);
}

static const struct {
    const char *name;
    size_t memory_bytes;
    enum sorter_ties ties;
    const char *expected;
} orders[] = {
    {"in memory", 1 << 20, SORTER_OLDEST_FIRST, "=#5 a=1#2 ab=x#3 b=2#1 b=3#4 "},
    {"newest first", 1 << 20, SORTER_NEWEST_FIRST, "=#5 a=1#2 ab=x#3 b=3#4 b=2#1 "},
    {"an entry a run", 1, SORTER_OLDEST_FIRST, "=#5 a=1#2 ab=x#3 b=2#1 b=3#4 "},
    {"two entries a run", 33, SORTER_OLDEST_FIRST, "=#5 a=1#2 ab=x#3 b=2#1 b=3#4 "},
    {"newest first, runs", 1, SORTER_NEWEST_FIRST, "=#5 a=1#2 ab=x#3 b=3#4 b=2#1 "},
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        CLEANUP(buf_release) struct buf text = BUF_INIT;
        struct sorter *sorter = start(orders[i].memory_bytes, orders[i].ties);

        test_case(orders[i].name);
        add(sorter, "b", "2", 1);
        add(sorter, "a", "1", 2);
        add(sorter, "ab", "x", 3);
        add(sorter, "b", "3", 4);
        add(sorter, "", "", 5);
        list(sorter, &text);
        assert_string_equal(text.data, orders[i].expected);
        sorter_free(sorter);
    }
}

/* Each key comes, in order, with its number; some values are larger than a run. */
static void check_many(unsigned step, size_t memory_bytes)
{
    CLEANUP(buf_release) struct buf large = BUF_INIT;
    struct sorter *sorter = start(memory_bytes, SORTER_OLDEST_FIRST);
    struct sorter_entry entry;
    struct error error = ERROR_INIT;
    char key[32];

    buf_add_repeated(&large, 'v', 100000);
    for (unsigned i = 0; i < N_ENTRIES; i++) {
        unsigned number = i * step % N_ENTRIES;

        snprintf(key, sizeof(key), "a common start %08u", number);
        add(sorter, key, number % 5000 == 3 ? large.data : "v", (int)number);
    }
    for (int i = 0; i < N_ENTRIES; i++) {
        assert_int_equal(sorter_next(sorter, &entry, &error), 1);
        assert_int_equal(entry.number, i);
        snprintf(key, sizeof(key), "a common start %08d", i);
        assert_string_equal(entry.key.ptr, key);
        assert_int_equal(entry.value.len, i % 5000 == 3 ? large.len : 1);
    }
    assert_int_equal(sorter_next(sorter, &entry, &error), 0);
    sorter_free(sorter);
}

static void test_many(void **state)
{
    (void)state;
    check_many(7919, 40000);   /* out of order, in many runs */
    check_many(1, 40000);      /* in order */
    check_many(7919, 8 << 20); /* out of order in memory */
}

static void test_nothing(void **state)
{
    struct sorter *sorter = start(1000, SORTER_OLDEST_FIRST);
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)state;
    list(sorter, &text);
    assert_string_equal(text.data, "");
    sorter_free(sorter);
    sorter_free(NULL);
}

static void test_no_directory(void **state)
{
    struct sorter *sorter = sorter_new("/nonexistent/file", 1, SORTER_OLDEST_FIRST);
    struct sorter_entry entry = {SLICE("k"), SLICE("v"), 1};
    struct error error = ERROR_INIT;

    (void)state;
    assert_int_equal(sorter_add(sorter, &entry, &error), 0);
    assert_int_equal(sorter_add(sorter, &entry, &error), -1);
    assert_int_equal(error.kind, ERROR_TEMPORARY);
    assert_non_null(strstr(error.text, "create a temporary file in /nonexistent: No such"));
    sorter_free(sorter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_no_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
