#include "base/hash.h"

#include <stdlib.h>

#include "base/test.h"

static struct slice key_of(int i)
{
    static char text[16];

    snprintf(text, sizeof(text), "key%d", i);
    return slice_from(text);
}

static void test_set_get_remove(void **state)
{
    struct hash hash = HASH_INIT;
    int a, b;

    (void)state;
    assert_null(hash_get(&hash, SLICE("x")));
    assert_null(hash_remove(&hash, SLICE("x")));
    assert_null(hash_set(&hash, SLICE("x"), &a));
    assert_null(hash_set(&hash, SLICE(""), &b));
    assert_ptr_equal(hash_get(&hash, SLICE("x")), &a);
    assert_ptr_equal(hash_get(&hash, (struct slice){NULL, 0}), &b);
    assert_null(hash_get(&hash, SLICE("X")));
    assert_ptr_equal(hash_set(&hash, SLICE("x"), &b), &a);
    assert_int_equal(hash.n_entries, 2);
    assert_ptr_equal(hash_remove(&hash, SLICE("x")), &b);
    assert_false(hash_has(&hash, SLICE("x")));
    assert_null(hash_set(&hash, SLICE("null"), NULL));
    assert_true(hash_has(&hash, SLICE("null")));
    hash_release(&hash, NULL);
    hash_release(&hash, NULL);
}

static void test_nocase(void **state)
{
    struct hash hash = HASH_INIT_NOCASE;
    int a;

    (void)state;
    assert_null(hash_set(&hash, SLICE("Mail.Example.COM"), &a));
    assert_ptr_equal(hash_get(&hash, SLICE("mAIL.eXAMPLE.com")), &a);
    hash_release(&hash, NULL);
    assert_int_equal(hash.key_case, HASH_NOCASE);
}

static void test_many(void **state)
{
    struct hash hash = HASH_INIT;
    struct hash_cursor cursor = {0};
    static int values[5000];
    struct slice key;
    void *value;
    int n = 0;

    (void)state;
    for (int i = 0; i < 5000; i++)
        assert_null(hash_set(&hash, key_of(i), &values[i]));
    for (int i = 0; i < 5000; i++)
        assert_ptr_equal(hash_get(&hash, key_of(i)), &values[i]);
    /* Remove while walking: each is seen once. */
    while (hash_next(&hash, &cursor, &key, &value)) {
        assert_int_equal((*(int *)value)++, 0);
        assert_ptr_equal(hash_remove(&hash, key), value);
        n++;
    }
    assert_int_equal(n, 5000);
    assert_int_equal(hash.n_entries, 0);
    hash_release(&hash, NULL);
}

static void test_release_frees_values(void **state)
{
    struct hash hash = HASH_INIT;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_null(hash_set(&hash, key_of(i), malloc(10)));
    hash_release(&hash, free);
    assert_null(hash_get(&hash, key_of(1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_get_remove),
        cmocka_unit_test(test_nocase),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_release_frees_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
