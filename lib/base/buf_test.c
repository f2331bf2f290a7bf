#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "base/test.h"

static void test_add(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    assert_string_equal(buf.data, "");
    buf_add_text(&buf, "ab");
    buf_add_char(&buf, 'c');
    buf_add_slice(&buf, SLICE("de"));
    buf_add_slice(&buf, (struct slice){NULL, 0});
    buf_add(&buf, "f\0g", 3);
    buf_add_repeated(&buf, '-', 3);
    buf_add_repeated(&buf, '-', 0);
    assert_int_equal(buf.len, 11);
    assert_memory_equal(buf.data, "abcdef\0g---", 12);
}

static void test_grows(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    for (int i = 0; i < 10000; i++)
        buf_printf(&buf, "%04d,", i);
    assert_int_equal(buf.len, 50000);
    assert_memory_equal(buf.data + 49990, "9998,9999,", 11);
    char *place = buf_reserve(&buf, 100000);
    const char *before = buf.data;
    memset(place, 'x', 100000);
    buf.len += 100000;
    buf.data[buf.len] = '\0';
    assert_ptr_equal(buf.data, before);
}

static void test_printf_longer_than_the_spare(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    char text[300];

    (void)state;
    memset(text, 'y', sizeof(text));
    text[299] = '\0';
    buf_printf(&buf, "<%s>", text);
    assert_int_equal(buf.len, 301);
    assert_int_equal(buf.data[300], '>');
    buf_printf(&buf, "%s", "");
    assert_int_equal(buf.len, 301);
}

static void test_change(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    buf_set_text(&buf, "Hello World");
    buf_insert(&buf, 5, SLICE(","));
    assert_slice_equal(buf_slice(&buf), "Hello, World");
    buf_insert(&buf, buf.len, SLICE("!"));
    buf_insert(&buf, 0, (struct slice){NULL, 0});
    buf_remove_front(&buf, 7);
    buf_remove_front(&buf, 0);
    assert_string_equal(buf.data, "World!");
    buf_lower(&buf);
    assert_string_equal(buf.data, "world!");
    buf_truncate(&buf, 5);
    assert_string_equal(buf.data, "world");
    buf_set(&buf, SLICE("x"));
    assert_string_equal(buf.data, "x");
    buf_reset(&buf);
    assert_string_equal(buf.data, "");
    assert_true(buf.capacity > 0);
}

static void test_secret(void **state)
{
    enum { LEN = 10000 };
    struct buf buf = BUF_SECRET_INIT;

    (void)state;
    buf_release(&buf); /* nothing was allocated */
    buf_add_text(&buf, "secret");
    buf_add_repeated(&buf, 'x', LEN);
    assert_int_equal(buf.len, strlen("secret") + LEN);
    assert_slice_equal(slice_sub(buf_slice(&buf), 0, 8), "secretxx");
    assert_int_equal(buf.data[buf.len], '\0');
    buf_release(&buf);
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.capacity, 0);
    assert_true(buf.is_secret);
}

static void test_take(void **state)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    (void)state;
    buf_add_text(&buf, "mine");
    char *text = buf_take(&buf);
    assert_string_equal(text, "mine");
    free(text);
    text = buf_take(&buf);
    assert_string_equal(text, "");
    free(text);
    buf_truncate(&buf, 0);
    buf_remove_front(&buf, 0);
    buf_lower(&buf);
    assert_int_equal(buf.capacity, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_printf_longer_than_the_spare),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_secret),
        cmocka_unit_test(test_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
