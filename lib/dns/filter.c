/* Matching the fields of an address against numbers and ranges. */
#include "dns/filter.h"

#include <stdint.h>

/* "8" or "2..4" */
static bool range_matches(struct slice range, uint64_t octet)
{
    size_t dots = slice_find_text(range, SLICE(".."));
    uint64_t from, to;

    if (!slice_to_uint(slice_sub(range, 0, dots), 10, 255, &from))
        return false;
    if (dots == range.len)
        return octet == from;
    return slice_to_uint(slice_from_offset(range, dots + 2), 10, 255, &to) && octet >= from &&
           octet <= to;
}

static bool field_matches(struct slice field, uint64_t octet)
{
    if (field.len < 2 || field.ptr[0] != '[')
        return range_matches(field, octet);
    field = slice_sub(field, 1, field.len - 2);
    while (field.len) {
        if (range_matches(slice_split(&field, ';'), octet))
            return true;
    }
    return false;
}

/* Cut off one field of the filter; dots inside of brackets belong to it. */
static struct slice next_field(struct slice *filter)
{
    struct slice all = *filter;
    size_t end = all.len && all.ptr[0] == '[' ? slice_find(all, ']') : 0;

    end += slice_find(slice_from_offset(all, end), '.');
    *filter = slice_from_offset(all, end + 1);
    return slice_sub(all, 0, end);
}

static bool is_range(struct slice range)
{
    size_t dots = slice_find_text(range, SLICE(".."));
    uint64_t from, to;

    return slice_to_uint(slice_sub(range, 0, dots), 10, 255, &from) &&
           (dots == range.len ||
            (slice_to_uint(slice_from_offset(range, dots + 2), 10, 255, &to) && from <= to));
}

static bool is_field(struct slice field)
{
    uint64_t octet;

    if (field.len < 2 || field.ptr[0] != '[')
        return slice_to_uint(field, 10, 255, &octet);
    if (field.ptr[field.len - 1] != ']')
        return false;
    field = slice_sub(field, 1, field.len - 2);
    do {
        if (!is_range(slice_split(&field, ';')))
            return false;
    } while (field.len);
    return true;
}

bool dns_filter_is_valid(struct slice filter)
{
    for (int i = 0; i < 4; i++) {
        if (!is_field(next_field(&filter)))
            return false;
    }
    return filter.len == 0;
}

bool dns_filter_matches(struct slice filter, struct slice address)
{
    for (int i = 0; i < 4; i++) {
        uint64_t octet;

        if (!slice_to_uint(slice_split(&address, '.'), 10, 255, &octet) ||
            !field_matches(next_field(&filter), octet))
            return false;
    }
    return filter.len == 0 && address.len == 0;
}
