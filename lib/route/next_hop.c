#include "route/next_hop.h"

#include <string.h>

#include "conf/params.h"
#include "conf/words.h"
#include "net/hostport.h"

bool next_hop_parse(struct slice text, enum next_hop_protocol protocol, uint16_t default_port,
                    struct next_hop *next_hop)
{
    bool is_lmtp = protocol == NEXT_HOP_LMTP;
    struct slice rest = text;

    *next_hop = (struct next_hop){.port = default_port, .use_mx = !is_lmtp};
    if (is_lmtp && slice_starts_with(text, "unix:")) {
        next_hop->unix_path = slice_from_offset(text, strlen("unix:"));
        return next_hop->unix_path.len > 0;
    }
    if (slice_starts_with(rest, "inet:"))
        rest = slice_from_offset(rest, strlen("inet:"));
    if (slice_starts_with(rest, "[")) {
        size_t end = slice_find(rest, ']');
        if (end == rest.len)
            return false;
        next_hop->host = slice_sub(rest, 1, end - 1);
        next_hop->use_mx = false;
        rest = slice_from_offset(rest, end + 1);
        if (rest.len > 0 && *rest.ptr != ':')
            return false;
        if (slice_starts_with_nocase(next_hop->host, "ipv6:"))
            next_hop->host = slice_from_offset(next_hop->host, strlen("ipv6:"));
    } else {
        size_t colon = slice_find(rest, ':');
        next_hop->host = slice_sub(rest, 0, colon);
        rest = slice_from_offset(rest, colon);
        if (words_have(slice_from(params.use_srv_lookup), slice_from_offset(rest, 1))) {
            next_hop->service = slice_from_offset(rest, 1);
            rest = SLICE_EMPTY; /* the records have the port */
        }
    }
    next_hop->has_port = rest.len > 1;
    if (next_hop->has_port &&
        service_port(slice_from_offset(rest, 1), &next_hop->port, NULL) < 0)
        return false;
    return next_hop->host.len > 0;
}
