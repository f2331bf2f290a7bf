#include "base/json.h"

void json_add_text(struct buf *out, struct slice text)
{
    bool is_utf8 = slice_is_utf8(text);

    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_add_char(out, c < 0x80 || is_utf8 ? (char)c : '?');
    }
    buf_add_char(out, '"');
}
