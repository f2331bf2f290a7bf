/*
 * Comparison of compatibility levels.
 */
#include "conf/level.h"

#define LEVEL_PARTS    3
#define LEVEL_PART_MAX 1000000

static bool level_parse(struct slice text, int64_t parts[LEVEL_PARTS])
{
    struct slice rest = slice_trim(text);

    for (int i = 0; i < LEVEL_PARTS; i++)
        parts[i] = 0;
    for (int i = 0; i < LEVEL_PARTS; i++) {
        size_t dot = slice_find(rest, '.');
        struct slice part = slice_sub(rest, 0, dot);

        if (part.len == 0 || !ascii_is_digit(part.ptr[0]) ||
            !slice_to_int(part, 0, LEVEL_PART_MAX, &parts[i]))
            return false;
        if (dot == rest.len)
            return true;
        rest = slice_from_offset(rest, dot + 1);
    }
    return false;
}

bool level_compare(struct slice a, struct slice b, int *order)
{
    int64_t left[LEVEL_PARTS], right[LEVEL_PARTS];

    if (!level_parse(a, left) || !level_parse(b, right))
        return false;
    *order = 0;
    for (int i = 0; i < LEVEL_PARTS && *order == 0; i++)
        *order = (left[i] > right[i]) - (left[i] < right[i]);
    return true;
}
