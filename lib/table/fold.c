#include "table/fold.h"

#include "base/unicode.h"
#include "conf/params.h"

bool table_key_is_text(struct slice key)
{
    return !params.smtputf8_enable || slice_is_ascii(key) || slice_is_utf8(key);
}

void table_fold(struct buf *folded, struct slice key)
{
    char *to;

    if (params.smtputf8_enable && !slice_is_ascii(key) && slice_is_utf8(key) &&
        unicode_fold_case(folded, key))
        return;
    to = buf_reserve(folded, key.len);
    for (size_t i = 0; i < key.len; i++)
        to[i] = ascii_lower(key.ptr[i]);
    folded->len += key.len;
    folded->data[folded->len] = '\0';
}
