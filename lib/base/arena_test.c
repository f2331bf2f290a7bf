#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/test.h"

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

static void test_zeroed_and_aligned(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 5000; size += 37) {
            char *bytes = arena_alloc(&arena, size);

            assert_int_equal((uintptr_t)bytes % 16, 0);
            assert_true(is_zero(bytes, size));
            memset(bytes, 0xff, size);
        }
        assert_true(arena.used_bytes > 300000);
        arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    uint64_t *numbers = arena_array(&arena, uint64_t, 100000);
    assert_true(is_zero((char *)numbers, 800000));
    numbers[99999] = 1;
}

static void test_copies(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;

    (void)state;
    struct slice copy = arena_slice(&arena, SLICE("a\0b"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b", 4);
    assert_string_equal(arena_text(&arena, (struct slice){NULL, 0}), "");
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
    assert_slice_equal(arena_lower(&arena, SLICE("HeLLo\xc3\x89")), "hello\xc3\x89");
    arena_reset(&arena);
    arena_release(&arena);
    arena_release(&arena);
    arena_reset(&arena);
    assert_string_equal(arena_text(&arena, SLICE("again")), "again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_and_aligned),
        cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
