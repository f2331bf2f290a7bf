/* Base64, three bytes to four characters. */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *buf, struct slice data)
{
    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = data.len - i < 3 ? data.len - i : 3;
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)data.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_add_char(buf, k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

/* The value of a digit, or -1. */
static int value_of(char digit)
{
    const char *at = digit ? strchr(digits, digit) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool base64_decode(struct buf *buf, struct slice text)
{
    size_t before = buf->len, padding = 0;

    if (text.len % 4)
        return false;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.len; i += 4) {
        size_t n = i + 4 == text.len ? 4 - padding : 4;
        uint32_t bits = 0;

        for (size_t k = 0; k < 4; k++) {
            int value = k < n ? value_of(text.ptr[i + k]) : 0;

            if (value < 0) {
                buf_truncate(buf, before);
                return false;
            }
            bits = bits << 6 | (uint32_t)value;
        }
        for (size_t k = 0; k + 1 < n; k++)
            buf_add_char(buf, (char)(bits >> (16 - 8 * k) & 0xff));
    }
    return true;
}
