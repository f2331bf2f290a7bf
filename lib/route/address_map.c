/* Looking up addresses. */
#include "route/address_map.h"

#include "conf/params.h"
#include "mail/address.h"
#include "route/resolve.h"
#include "route/rewrite.h"

/* Names of table results are few; a longer list is cut by this many tokens. */
#define RESULT_TOKENS_MAX ((size_t)1000000)

int address_find(struct maps *maps, struct slice address, struct buf *value,
                 struct slice *extension, struct error *error)
{
    struct maps_address query = {
        .address = address,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_AT_DOMAIN,
    };
    struct slice domain = address_domain(address);

    if (extension)
        *extension = SLICE_EMPTY;
    if (maps_is_empty(maps))
        return 0;
    if (domain.len) {
        int local = slice_same_nocase(domain, slice_from(params.myorigin))
                        ? 1
                        : resolve_is_local_domain(domain, error);

        if (local < 0)
            return -1;
        if (local)
            query.forms |= MAPS_LOCAL;
    }
    switch (maps_find_address(maps, &query, value, error)) {
    case TABLE_FOUND:
        if (extension)
            *extension = query.extension;
        return 1;
    case TABLE_NOT_FOUND:
        return 0;
    case TABLE_ERROR:
    default:
        return -1;
    }
}

static struct slice add_extension(struct slice address, struct slice extension,
                                  struct arena *arena)
{
    struct slice local_part = address_local_part(address);
    struct slice domain = slice_from_offset(address, local_part.len);

    if (extension.len == 0)
        return address;
    return slice_from(arena_printf(arena, "%.*s%.*s%.*s", SLICE_ARG(local_part),
                                   SLICE_ARG(extension), SLICE_ARG(domain)));
}

int address_map(struct maps *maps, struct slice address, enum address_extension extension,
                struct arena *arena, struct address_list *list, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct header_address_list parsed;
    struct slice unmatched;
    int found = address_find(maps, address, &value, &unmatched, error);

    if (found <= 0)
        return found;
    if (value.data[0] == '@') {
        buf_insert(&value, 0, address_local_part(address));
        unmatched = SLICE_EMPTY;
    }
    if (extension == EXTENSION_DROP)
        unmatched = SLICE_EMPTY;
    header_address_parse(buf_slice(&value), arena, RESULT_TOKENS_MAX, &parsed);
    list->items = arena_array(arena, struct slice, parsed.n_addresses);
    list->count = parsed.n_addresses;
    for (size_t i = 0; i < parsed.n_addresses; i++) {
        struct slice full = rewrite_address(REWRITE_LOCAL, parsed.addresses[i].address, arena);

        list->items[i] = add_extension(address_unquoted(arena, full), unmatched, arena);
    }
    return 1;
}
