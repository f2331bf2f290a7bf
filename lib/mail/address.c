/* Addresses in internal form: their parts, and the way to the quoted form. */
#include "mail/address.h"

struct slice address_local_part(struct slice address)
{
    return slice_sub(address, 0, slice_find_last(address, '@'));
}

struct slice address_domain(struct slice address)
{
    return slice_from_offset(address, slice_find_last(address, '@') + 1);
}

/* A byte that may stand in an atom; 8-bit bytes may (RFC 6531). */
static bool is_atom_byte(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte > ' ' && byte != 0x7f && !strchr("()<>[]:;@\\,.\"", c);
}

/* Atoms with single dots between them. */
static bool is_dot_string(struct slice text)
{
    bool after_dot = true; /* or at the start */

    for (size_t i = 0; i < text.len; i++) {
        bool is_dot = text.ptr[i] == '.';

        if (is_dot ? after_dot : !is_atom_byte(text.ptr[i]))
            return false;
        after_dot = is_dot;
    }
    return !after_dot;
}

/* "@a,@b:" in front of an address (RFC 822 section 6.2.7): nobody wants it, nor its quotes. */
static size_t route_length(struct slice address)
{
    size_t colon = slice_find(address, ':');

    return slice_starts_with(address, "@") && colon < address.len ? colon + 1 : 0;
}

void address_quote(struct buf *buf, struct slice address)
{
    size_t route = route_length(address);
    struct slice local_part;

    buf_add_slice(buf, slice_sub(address, 0, route));
    address = slice_from_offset(address, route);
    local_part = address_local_part(address);
    if (address.len == 0 || is_dot_string(local_part)) {
        buf_add_slice(buf, address);
        return;
    }
    buf_add_char(buf, '"');
    for (size_t i = 0; i < local_part.len; i++) {
        if (strchr("\"\\\r\n", local_part.ptr[i]))
            buf_add_char(buf, '\\');
        buf_add_char(buf, local_part.ptr[i]);
    }
    buf_add_char(buf, '"');
    buf_add_slice(buf, slice_from_offset(address, local_part.len));
}

struct slice address_quoted(struct arena *arena, struct slice address)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;

    address_quote(&buf, address);
    return arena_slice(arena, buf_slice(&buf));
}

/* Behind a comment that starts at `at`; comments nest (RFC 5322 section 3.2.2). */
static size_t skip_comment(struct slice text, size_t at)
{
    int depth = 0;

    for (; at < text.len; at++) {
        if (text.ptr[at] == '\\')
            at++;
        else if (text.ptr[at] == '(')
            depth++;
        else if (text.ptr[at] == ')' && --depth == 0)
            return at + 1;
    }
    return text.len;
}

struct slice address_unquoted(struct arena *arena, struct slice quoted)
{
    CLEANUP(buf_release) struct buf buf = BUF_INIT;
    bool in_quotes = false;

    for (size_t i = 0; i < quoted.len; i++) {
        char c = quoted.ptr[i];

        if (c == '\\') {
            if (++i < quoted.len)
                buf_add_char(&buf, quoted.ptr[i]);
        } else if (c == '"') {
            in_quotes = !in_quotes;
        } else if (c == '(' && !in_quotes) {
            i = skip_comment(quoted, i) - 1;
        } else {
            buf_add_char(&buf, c);
        }
    }
    return arena_slice(arena, buf_slice(&buf));
}
