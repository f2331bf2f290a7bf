#include "base/slice.h"

#include <string.h>

#include "base/mem.h"

struct slice slice_from(const char *text)
{
    return text ? (struct slice){text, strlen(text)} : SLICE_EMPTY;
}

struct slice slice_of(const void *data, size_t len)
{
    return (struct slice){data, len};
}

struct slice slice_from_offset(struct slice slice, size_t offset)
{
    if (offset > slice.len)
        offset = slice.len;
    return offset ? (struct slice){slice.ptr + offset, slice.len - offset} : slice;
}

struct slice slice_sub(struct slice slice, size_t offset, size_t len)
{
    struct slice rest = slice_from_offset(slice, offset);

    if (len < rest.len)
        rest.len = len;
    return rest;
}

bool slice_is_empty(struct slice slice)
{
    return slice.len == 0;
}

/* memcmp and memchr may not be given the NULL that an empty slice may hold. */
static bool same_bytes(const char *a, const char *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

static bool same_letters(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    }
    return true;
}

bool slice_same(struct slice a, struct slice b)
{
    return a.len == b.len && same_bytes(a.ptr, b.ptr, a.len);
}

bool slice_same_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && same_letters(a.ptr, b.ptr, a.len);
}

bool slice_equals(struct slice a, const char *b)
{
    return slice_same(a, slice_from(b));
}

bool slice_equals_nocase(struct slice a, const char *b)
{
    return slice_same_nocase(a, slice_from(b));
}

bool slice_starts_with(struct slice slice, const char *prefix)
{
    size_t len = strlen(prefix);

    return slice.len >= len && same_bytes(slice.ptr, prefix, len);
}

bool slice_starts_with_nocase(struct slice slice, const char *prefix)
{
    size_t len = strlen(prefix);

    return slice.len >= len && same_letters(slice.ptr, prefix, len);
}

bool slice_ends_with(struct slice slice, const char *suffix)
{
    size_t len = strlen(suffix);

    return slice.len >= len &&
           (len == 0 || same_bytes(slice.ptr + slice.len - len, suffix, len));
}

bool slice_ends_with_nocase(struct slice slice, const char *suffix)
{
    size_t len = strlen(suffix);

    return slice.len >= len &&
           (len == 0 || same_letters(slice.ptr + slice.len - len, suffix, len));
}

int slice_compare(struct slice a, struct slice b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t slice_find(struct slice slice, char byte)
{
    const char *found = slice.len ? memchr(slice.ptr, byte, slice.len) : NULL;

    return found ? (size_t)(found - slice.ptr) : slice.len;
}

size_t slice_find_last(struct slice slice, char byte)
{
    const char *found = slice.len ? memrchr(slice.ptr, byte, slice.len) : NULL;

    return found ? (size_t)(found - slice.ptr) : slice.len;
}

/* Not strchr, which would find the NUL behind the set. */
static bool is_in_set(char byte, const char *set)
{
    for (; *set; set++) {
        if (*set == byte)
            return true;
    }
    return false;
}

size_t slice_find_any(struct slice slice, const char *set)
{
    size_t i = 0;

    while (i < slice.len && !is_in_set(slice.ptr[i], set))
        i++;
    return i;
}

size_t slice_skip_any(struct slice slice, const char *set)
{
    size_t i = 0;

    while (i < slice.len && is_in_set(slice.ptr[i], set))
        i++;
    return i;
}

size_t slice_find_text(struct slice slice, struct slice text)
{
    if (text.len == 0)
        return 0;
    const char *found = slice.len ? memmem(slice.ptr, slice.len, text.ptr, text.len) : NULL;
    return found ? (size_t)(found - slice.ptr) : slice.len;
}

struct slice slice_trim_right(struct slice slice)
{
    while (slice.len && ascii_is_space(slice.ptr[slice.len - 1]))
        slice.len--;
    return slice;
}

struct slice slice_trim(struct slice slice)
{
    while (slice.len && ascii_is_space(*slice.ptr)) {
        slice.ptr++;
        slice.len--;
    }
    return slice_trim_right(slice);
}

struct slice slice_split(struct slice *rest, char separator)
{
    size_t end = slice_find(*rest, separator);
    struct slice front = slice_sub(*rest, 0, end);

    *rest = slice_from_offset(*rest, end + 1);
    return front;
}

struct slice slice_word(struct slice *rest, const char *separators)
{
    struct slice text = slice_from_offset(*rest, slice_skip_any(*rest, separators));
    struct slice word = slice_sub(text, 0, slice_find_any(text, separators));

    *rest = slice_from_offset(text, word.len);
    return word.len ? word : (struct slice){NULL, 0};
}

bool slice_to_uint(struct slice text, int base, uint64_t max, uint64_t *value)
{
    uint64_t sum = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        int digit = ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
        uint64_t place = (uint64_t)base;

        if (digit >= base || __builtin_mul_overflow(sum, place, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)digit, &sum) || sum > max)
            return false;
    }
    *value = sum;
    return true;
}

bool slice_to_int(struct slice text, int64_t min, int64_t max, int64_t *value)
{
    bool negative = text.len && *text.ptr == '-';
    uint64_t magnitude;

    if (text.len && (*text.ptr == '-' || *text.ptr == '+'))
        text = slice_from_offset(text, 1);
    if (!slice_to_uint(text, 10, (uint64_t)INT64_MAX + negative, &magnitude))
        return false;
    int64_t number = (int64_t)(negative ? 0 - magnitude : magnitude);
    if (number < min || number > max)
        return false;
    *value = number;
    return true;
}

char *slice_dup(struct slice slice)
{
    return mem_dup(slice.ptr, slice.len);
}

bool slice_is_ascii(struct slice slice)
{
    for (size_t i = 0; i < slice.len; i++) {
        if ((unsigned char)slice.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

/* Well-formed UTF-8 by its first byte: RFC 3629 section 4. */
static const struct {
    unsigned char first, last; /* of the first byte */
    unsigned char low, high;   /* of the second; all later ones are 80 to bf */
    unsigned char len;
} utf8_forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* True when the bytes after the first are as the form wants them. */
static bool has_form(const unsigned char *p, size_t form)
{
    if (utf8_forms[form].len > 1 &&
        (p[1] < utf8_forms[form].low || p[1] > utf8_forms[form].high))
        return false;
    for (size_t i = 2; i < utf8_forms[form].len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return false;
    }
    return true;
}

static size_t utf8_character(const unsigned char *p, size_t len)
{
    size_t form = 0;

    while (form < ARRAY_SIZE(utf8_forms) && p[0] > utf8_forms[form].last)
        form++;
    if (form == ARRAY_SIZE(utf8_forms) || p[0] < utf8_forms[form].first ||
        utf8_forms[form].len > len)
        return 0;
    return has_form(p, form) ? utf8_forms[form].len : 0;
}

size_t slice_utf8_len(struct slice slice)
{
    return slice.len ? utf8_character((const unsigned char *)slice.ptr, slice.len) : 0;
}

bool slice_is_utf8(struct slice slice)
{
    while (slice.len) {
        size_t len = slice_utf8_len(slice);

        if (len == 0)
            return false;
        slice = slice_from_offset(slice, len);
    }
    return true;
}

char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

bool ascii_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_is_alnum(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

bool ascii_is_print(char c)
{
    return c >= ' ' && c <= '~';
}
