/* Enhanced status codes as text. */
#include "mail/dsn.h"

#include "base/bug.h"

#define PART_DIGITS_MAX 3

/* "." and 1 to 3 digits at *at; moves *at behind them. */
static bool skip_part(struct slice text, size_t *at)
{
    size_t digits = 0;

    if (*at >= text.len || text.ptr[*at] != '.')
        return false;
    (*at)++;
    while (*at + digits < text.len && ascii_is_digit(text.ptr[*at + digits]))
        digits++;
    *at += digits;
    return digits >= 1 && digits <= PART_DIGITS_MAX;
}

bool dsn_status_parse(struct slice text, char status[DSN_STATUS_BYTES], struct slice *rest)
{
    size_t len = 1;

    if (text.len == 0 || (text.ptr[0] != '2' && text.ptr[0] != '4' && text.ptr[0] != '5'))
        return false;
    for (int part = 0; part < 2; part++) {
        if (!skip_part(text, &len))
            return false;
    }
    if (len < text.len && !ascii_is_space(text.ptr[len]))
        return false;
    memcpy(status, text.ptr, len);
    status[len] = '\0';
    if (rest) {
        *rest = slice_from_offset(text, len);
        *rest = slice_from_offset(*rest, slice_skip_any(*rest, " \t\r\n"));
    }
    return true;
}

void dsn_set_class(char status[DSN_STATUS_BYTES], char class_digit)
{
    bug_if(status[0] == '\0');
    status[0] = class_digit;
}
