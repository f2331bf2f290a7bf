/*
 * What the unit tests (x_test.c) share on top of cmocka.
 */
#pragma once

/* cmocka.h wants the others in front of it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/slice.h"

/* Say which row comes next: the last one said before a failure is the one that failed. */
#define test_case(name) print_message("           case: %s\n", (name))

/* The slice holds just this text. */
#define assert_slice_equal(actual, expected)                       \
    do {                                                           \
        struct slice slice_ = (actual);                            \
        struct slice text_ = slice_from(expected);                 \
        assert_int_equal(slice_.len, text_.len);                   \
        if (text_.len)                                             \
            assert_memory_equal(slice_.ptr, text_.ptr, text_.len); \
    } while (0)
