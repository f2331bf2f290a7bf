#include "conf/unescape.h"

#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"

/* The byte that the escape in front of *rest stands for; *rest is moved behind it. */
static char escaped(struct slice *rest)
{
    static const char letters[] = "abfnrtv", bytes[] = "\a\b\f\n\r\t\v";
    char c = rest->len ? rest->ptr[0] : '\\';
    const char *letter = c ? strchr(letters, c) : NULL;
    unsigned octal = 0;
    size_t n = 0;

    while (n < 3 && n < rest->len && rest->ptr[n] >= '0' && rest->ptr[n] <= '7')
        octal = octal * 8 + (unsigned)(rest->ptr[n++] - '0');
    *rest = slice_from_offset(*rest, n ? n : 1);
    if (n)
        return (char)octal;
    return letter ? bytes[letter - letters] : c;
}

char *unescape(struct arena *arena, struct slice text)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    while (text.len) {
        char c = text.ptr[0];

        text = slice_from_offset(text, 1);
        buf_add_char(&out, c == '\\' ? escaped(&text) : c);
    }
    return arena_text(arena, buf_slice(&out));
}
