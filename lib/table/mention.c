/*
 * Searching values for tables.
 */
#include "table/mention.h"

#include "conf/words.h"
#include "table/table.h"

#define SEPARATORS " \t\r\n,{}=:!"

/* The name behind "type:", which is braced or ends where a word of a list ends. */
static struct slice take_name(struct slice text)
{
    size_t len = words_brace_length(text);

    return slice_sub(text, 0, len ? len : slice_find_any(text, " \t\r\n,}"));
}

bool table_mention_next(struct slice *rest, struct table_mention *mention)
{
    while (rest->len) {
        struct slice text = slice_from_offset(*rest, slice_skip_any(*rest, SEPARATORS));
        size_t len = slice_find_any(text, SEPARATORS);

        *rest = slice_from_offset(text, len);
        if (rest->len == 0 || rest->ptr[0] != ':')
            continue;
        mention->type = slice_sub(text, 0, len);
        mention->name = take_name(slice_from_offset(*rest, 1));
        mention->spec = slice_sub(text, 0, len + 1 + mention->name.len);
        if (mention->name.len && table_driver_find(mention->type))
            return true;
    }
    return false;
}
