#include "mail/xtext.h"

#include <string.h>

bool xtext_decode(struct slice text, struct arena *arena, struct slice *decoded)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    for (size_t i = 0; i < text.len; i++) {
        uint64_t byte;

        if (text.ptr[i] != '+') {
            buf_add_char(&out, text.ptr[i]);
            continue;
        }
        if (i + 2 >= text.len || !slice_to_uint(slice_sub(text, i + 1, 2), 16, 255, &byte))
            return false;
        buf_add_char(&out, (char)byte);
        i += 2;
    }
    *decoded = arena_slice(arena, buf_slice(&out));
    return true;
}

void xtext_add(struct buf *out, struct slice text, const char *also)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c > ' ' && c < 0x7f && c != '+' && !strchr(also, c))
            buf_add_char(out, (char)c);
        else
            buf_printf(out, "+%02X", c);
    }
}
