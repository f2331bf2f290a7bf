/* The transport table. */
#include "route/transport.h"

#include "base/log.h"
#include "conf/params.h"
#include "mail/address.h"
#include "route/domains.h"

void transport_choice_release(struct transport_choice *choice)
{
    buf_release(&choice->transport);
    buf_release(&choice->nexthop);
}

/* transport:nexthop, either part may be missing. */
static void apply(struct slice entry, struct slice domain, struct transport_choice *choice)
{
    struct slice nexthop = entry;
    struct slice transport = slice_trim(slice_split(&nexthop, ':'));

    nexthop = slice_trim(nexthop);
    if (transport.len)
        buf_set(&choice->transport, transport);
    if (nexthop.len) {
        buf_set(&choice->nexthop, nexthop);
    } else if (transport.len) {
        /* A transport without nexthop also undoes the nexthop that main.cf gave. */
        if (slice_equals(transport, "error") || slice_equals(transport, "retry"))
            buf_set_text(&choice->nexthop, "Address is undeliverable");
        else
            buf_set(&choice->nexthop, domain);
    }
}

int transport_override(struct maps *maps, const char *maps_name, struct slice recipient,
                       struct transport_choice *choice, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF_INIT;
    struct maps_address query = {
        .address = recipient,
        .delimiters = params.recipient_delimiter,
        .forms = MAPS_FULL | MAPS_NO_EXT | MAPS_DOMAIN | MAPS_PARENTS,
        .parents_without_dot = domains_parents("transport_maps") == MATCH_PARENTS_BARE,
    };
    enum table_result result;

    if (maps_is_empty(maps))
        return 0;
    result = maps_find_address(maps, &query, &value, error);
    if (result == TABLE_NOT_FOUND)
        result = maps_find(maps, SLICE("*"), &value, error);
    if (result == TABLE_ERROR) {
        log_warning("%s", error->text);
        log_warning("%s lookup failure", maps_name);
        return error_set(error, ERROR_TEMPORARY, "%s lookup failure", maps_name);
    }
    if (result == TABLE_FOUND)
        apply(buf_slice(&value), address_domain(recipient), choice);
    return 0;
}
