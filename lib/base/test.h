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

#include <ftw.h>
#include <stdio.h>

#include "base/slice.h"

/* Say which row comes next: the last one said before a failure is the one that failed. */
#define test_case(name) print_message("           case: %s\n", (name))

/* The slice holds just this text. */
#define assert_slice_equal(slice, text) check_slice((slice), (text), __FILE__, __LINE__)

static inline void check_slice(struct slice slice, const char *text, const char *file, int line)
{
    if (slice_equals(slice, text))
        return;
    print_error("\"%.*s\" is not \"%s\"\n", SLICE_ARG(slice), text);
    _fail(file, line);
}

static inline int test_remove_entry(const char *path, const struct stat *status, int type,
                                    struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

/* The folder with all that is in it: for a teardown, which returns what this does. */
static inline int test_remove_tree(const char *directory)
{
    return nftw(directory, test_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
