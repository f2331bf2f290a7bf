/* Host names and address literals. */
#include <arpa/inet.h>

#include "mail/address.h"

#define HOSTNAME_MAX 255
#define LABEL_MAX    63
#define LITERAL_MAX  64

static bool is_name_byte(char c)
{
    return ascii_is_alnum(c) || c == '_' || (unsigned char)c >= 0x80;
}

bool hostname_is_valid(struct slice name)
{
    size_t label = 0;
    bool only_digits = true;

    if (name.len == 0 || name.len > HOSTNAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '.') {
            if (label == 0 || name.ptr[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!is_name_byte(c) && (c != '-' || label == 0))
            return false;
        if (!ascii_is_digit(c))
            only_digits = false;
        if (++label > LABEL_MAX)
            return false;
    }
    /* All digits and dots: an address without its brackets. */
    return label > 0 && name.ptr[name.len - 1] != '-' && !only_digits;
}

static bool literal_is_valid(struct slice inner)
{
    char text[LITERAL_MAX];
    unsigned char address[sizeof(struct in6_addr)];
    bool is_ipv6 = slice_starts_with_nocase(inner, "IPv6:");

    if (is_ipv6)
        inner = slice_from_offset(inner, 5);
    if (inner.len >= sizeof(text))
        return false;
    memcpy(text, inner.ptr, inner.len);
    text[inner.len] = '\0';
    return inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool hostname_is_valid_or_literal(struct slice name)
{
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        return literal_is_valid(slice_sub(name, 1, name.len - 2));
    return hostname_is_valid(name);
}
