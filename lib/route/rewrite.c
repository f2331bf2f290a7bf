/* Rewriting addresses to standard form. */
#include "route/rewrite.h"

#include "base/buf.h"
#include "conf/params.h"
#include "mail/address.h"
#include "route/address_text.h"

static void rewrite(enum rewrite_context context, struct buf *text)
{
    const char *remote = params.remote_header_rewrite_domain;

    text_tidy(text);
    if (text->len == 0)
        return;
    if (context == REWRITE_LOCAL)
        text_rewrite(text, params.myorigin, params.mydomain);
    else
        text_rewrite(text, remote, remote);
}

struct slice rewrite_address(enum rewrite_context context, struct slice address,
                             struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (address.len == 0 || address_is_plain(address))
        return arena_slice(arena, address);
    buf_set(&text, address);
    rewrite(context, &text);
    return arena_slice(arena, buf_slice(&text));
}

/* "@relay,@relay:" in front of an address is a route, which quoting would hide. */
static struct slice route_of(struct slice address)
{
    size_t colon = slice_find(address, ':');

    if (!slice_starts_with(address, "@") || colon + 1 >= address.len ||
        slice_find(address, '"') < colon)
        return SLICE_EMPTY;
    return slice_sub(address, 0, colon + 1);
}

struct slice rewrite_internal(enum rewrite_context context, struct slice address,
                              struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (address.len == 0 || address_is_plain(address))
        return arena_slice(arena, address);
    address_quote(&text, slice_from_offset(address, route_of(address).len));
    rewrite(context, &text);
    return address_unquoted(arena, buf_slice(&text));
}
