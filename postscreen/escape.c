/* C escapes. */
#include "escape.h"

#include <string.h>

void escape(struct buf *out, struct slice bytes)
{
    static const char specials[] = "\a\b\f\n\r\t\v\\", letters[] = "abfnrtv\\";

    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        const char *special = c ? strchr(specials, c) : NULL;

        if (special)
            buf_printf(out, "\\%c", letters[special - specials]);
        else if (ascii_is_print(c))
            buf_add_char(out, c);
        else
            buf_printf(out, "\\%03o", (unsigned char)c);
    }
}
