/* Addresses on their way out. */
#include "generic.h"

#include "base/log.h"
#include "conf/params.h"
#include "conf/words.h"
#include "mail/address.h"
#include "options.h"
#include "route/address_map.h"
#include "route/open_maps.h"
#include "route/resolve.h"

static struct maps *generic_maps;
static const char *title;
static enum address_extension extension = EXTENSION_DROP;

void generic_open(void)
{
    title = options.is_lmtp ? "lmtp_generic_maps" : "smtp_generic_maps";
    generic_maps =
        open_maps(maps_open, title,
                  options.is_lmtp ? params.lmtp_generic_maps : params.smtp_generic_maps);
    if (!generic_is_used())
        return;
    route_open_local();
    if (words_have(slice_from(params.propagate_unmatched_extensions), SLICE("generic")))
        extension = EXTENSION_PROPAGATE;
}

bool generic_is_used(void)
{
    return generic_maps && !maps_is_empty(generic_maps);
}

/* *mapped: internal form like the address, in the arena, or the address itself. */
static int map_address(struct slice address, struct arena *arena, struct slice *mapped,
                       struct error *error)
{
    struct address_list list;
    struct error why;
    int found;

    *mapped = address;
    if (!address.len)
        return 0;
    found = address_map(generic_maps, address, extension, arena, &list, &why);
    if (found < 0) {
        log_warning("%s", why.text);
        return error_set(error, ERROR_TEMPORARY, "%s map lookup problem for %.*s", title,
                         SLICE_ARG(address));
    }
    if (!found || list.count == 0)
        return 0;
    if (list.count > 1)
        log_warning("multi-valued %s result for %.*s", title, SLICE_ARG(address));
    *mapped = list.items[0];
    return 0;
}

int generic_map_envelope(struct attempt *attempt, struct error *error)
{
    struct delivery *delivery = attempt->delivery;
    struct arena *arena = &delivery->arena;
    struct slice *addresses;

    if (!generic_is_used())
        return 0;
    if (map_address(delivery->request.sender, arena, &attempt->sender, error) < 0)
        return -1;
    addresses = arena_array(arena, struct slice, delivery->n_recipients + 1);
    for (size_t i = 0; i < delivery->n_recipients; i++)
        if (map_address(delivery->recipients[i].address, arena, &addresses[i], error) < 0)
            return -1;
    attempt->addresses = addresses;
    return 0;
}

int generic_map_header(struct buf *header, const struct header_info *info, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA_INIT;
    struct header_address_list list;
    struct slice name = slice_sub(buf_slice(header), 0, header_name_length(buf_slice(header)));
    bool has_changed = false;

    if (!generic_is_used() || !info || !(info->is_sender || info->is_recipient))
        return 0;
    header_address_parse(header_value(buf_slice(header)), &arena,
                         (size_t)params.header_address_token_limit, &list);
    for (size_t i = 0; i < list.n_addresses; i++) {
        struct slice *address = &list.addresses[i].address;
        struct slice internal = address_unquoted(&arena, *address), mapped;

        if (map_address(internal, &arena, &mapped, error) < 0)
            return -1;
        if (slice_same(mapped, internal))
            continue;
        *address = address_quoted(&arena, mapped);
        has_changed = true;
    }
    if (!has_changed)
        return 0;
    name = arena_slice(&arena, name);
    buf_set(header, name);
    buf_add_text(header, ": ");
    header_address_compose(header, &list, header->len);
    return 0;
}
