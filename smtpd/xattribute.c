/* Attributes of XCLIENT and XFORWARD. */
#include "xattribute.h"

#include "base/buf.h"
#include "esmtp.h"

static const char *upper(struct slice text, struct arena *arena)
{
    char *copy = arena_text(arena, text);

    for (char *at = copy; *at; at++)
        *at = ascii_upper(*at);
    return copy;
}

/* Broken xtext is taken as it is written, as Postfix does; control bytes end up nowhere good.
 */
static struct slice decode(struct slice value, struct arena *arena)
{
    struct slice decoded;
    char *copy;

    if (!xtext_decode(value, arena, &decoded))
        decoded = value;
    if (slice_equals_nocase(decoded, XATTRIBUTE_UNAVAILABLE))
        return SLICE(XATTRIBUTE_UNAVAILABLE);
    if (slice_equals_nocase(decoded, XATTRIBUTE_TEMPORARY))
        return SLICE(XATTRIBUTE_TEMPORARY);
    copy = arena_text(arena, decoded);
    for (size_t i = 0; i < decoded.len; i++) {
        if (!ascii_is_print(copy[i]))
            copy[i] = '?';
    }
    return slice_of(copy, decoded.len);
}

enum xattribute_result xattribute_next(struct slice *rest, struct arena *arena,
                                       struct xattribute *attribute)
{
    struct slice word, name, value;

    if (!esmtp_next_word(rest, &word))
        return XATTRIBUTE_END;
    value = word;
    name = slice_split(&value, '=');
    if (name.len == 0 || value.len == 0)
        return XATTRIBUTE_BAD;
    attribute->name = upper(name, arena);
    attribute->value = decode(value, arena);
    return XATTRIBUTE_OK;
}

bool xattribute_address(struct slice value, struct endpoint *endpoint, struct arena *arena,
                        struct slice *text)
{
    char shown[ENDPOINT_TEXT_BYTES];
    bool is_v6 = slice_starts_with_nocase(value, "IPV6:");

    if (is_v6)
        value = slice_from_offset(value, 5);
    if (is_v6 != (slice_find(value, ':') < value.len) || endpoint_parse(endpoint, value, 0) < 0)
        return false;
    *text = arena_slice(arena, slice_from(endpoint_text(endpoint, shown)));
    return true;
}

bool xattribute_is_port(struct slice value)
{
    return value.len > 0 && value.len <= 5 && slice_skip_any(value, "0123456789") == value.len;
}
