/*
 * Case folding of keys, with ICU for what is not ASCII.
 */
#include "table/fold.h"

#include <unicode/ucasemap.h>

#include "conf/params.h"

/* Full case folding makes a text at most three times as long. */
#define FOLD_GROWTH 3

bool table_key_is_text(struct slice key)
{
    return !params.smtputf8_enable || slice_is_ascii(key) || slice_is_utf8(key);
}

static bool fold_unicode(struct buf *folded, struct slice key)
{
    static UCaseMap *map;
    UErrorCode status = U_ZERO_ERROR;
    size_t room = key.len * FOLD_GROWTH + 1;
    int32_t len;

    if (key.len > INT32_MAX / (FOLD_GROWTH + 1))
        return false;
    if (!map)
        map = ucasemap_open("", U_FOLD_CASE_DEFAULT, &status);
    if (U_FAILURE(status))
        return false;
    len = ucasemap_utf8FoldCase(map, buf_reserve(folded, room), (int32_t)room, key.ptr,
                                (int32_t)key.len, &status);
    if (U_FAILURE(status))
        return false;
    folded->len += (size_t)len;
    folded->data[folded->len] = '\0';
    return true;
}

void table_fold(struct buf *folded, struct slice key)
{
    char *to;

    if (params.smtputf8_enable && !slice_is_ascii(key) && slice_is_utf8(key) &&
        fold_unicode(folded, key))
        return;
    to = buf_reserve(folded, key.len);
    for (size_t i = 0; i < key.len; i++)
        to[i] = ascii_lower(key.ptr[i]);
    folded->len += key.len;
    folded->data[folded->len] = '\0';
}
