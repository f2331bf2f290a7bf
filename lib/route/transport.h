/*
 * transport_maps: overriding transport and nexthop. Private to lib/route.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/maps.h"

/* What is being decided; both buffers hold the result of the domain's class beforehand. */
struct transport_choice {
    struct buf transport, nexthop;
};

#define TRANSPORT_CHOICE_INIT ((struct transport_choice){BUF_INIT, BUF_INIT})
void transport_choice_release(struct transport_choice *choice);

/*
 * Apply the entry for the recipient (user+ext@domain, user@domain, domain, .parents, *), if
 * there is one. -1 with a temporary error.
 */
MUST_USE MAY_WAIT int transport_override(struct maps *maps, const char *maps_name,
                                         struct slice recipient,
                                         struct transport_choice *choice, struct error *error);
