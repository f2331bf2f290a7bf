/* The cache entry. */
#include "results.h"

#include <inttypes.h>

void results_init(struct results *results)
{
    for (int i = 0; i < N_TESTS; i++)
        results->expires[i] = RESULT_NEW;
}

bool results_parse(struct results *results, struct slice text)
{
    struct results parsed;
    int n = 0;

    while (n < N_TESTS && text.len) {
        if (!slice_to_int(slice_split(&text, ';'), 0, INT64_MAX, &parsed.expires[n]))
            return false;
        n++;
    }
    if (n == 0)
        return false;
    while (n < N_TESTS)
        parsed.expires[n++] = RESULT_DISABLED;
    *results = parsed;
    return true;
}

void results_format(struct buf *out, const struct results *results)
{
    for (int i = 0; i < N_TESTS; i++) {
        int64_t when = results->expires[i];

        if (when == RESULT_NEW && !settings.tests[i].is_enabled)
            when = RESULT_DISABLED;
        buf_printf(out, "%s%" PRId64, i ? ";" : "", when);
    }
}

static unsigned enabled_tests(void)
{
    unsigned tests = 0;

    for (int i = 0; i < N_TESTS; i++)
        tests |= settings.tests[i].is_enabled ? TEST_BIT(i) : 0;
    return tests;
}

unsigned results_due(const struct results *results, int64_t now)
{
    unsigned enabled = enabled_tests();
    unsigned due = 0;

    for (int i = 0; i < N_TESTS; i++) {
        if (results->expires[i] < now)
            due |= TEST_BIT(i);
    }
    due &= enabled;
    return due & EARLY_TESTS ? due | (enabled & EARLY_TESTS) : due;
}

bool results_are_new(const struct results *results)
{
    for (int i = 0; i < N_TESTS; i++) {
        if (settings.tests[i].is_enabled && results->expires[i] == RESULT_NEW)
            return true;
    }
    return false;
}

int64_t results_last(const struct results *results)
{
    int64_t last = 0;

    for (int i = 0; i < N_TESTS; i++) {
        if (results->expires[i] > last)
            last = results->expires[i];
    }
    return last;
}
