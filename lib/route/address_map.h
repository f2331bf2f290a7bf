/*
 * Tables that are asked for an address: canonical, virtual, generic, relocated, bcc maps and
 * the sender-dependent ones.
 *
 * Reads the global params; route_open or route_open_local has been called.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/maps.h"

/*
 * Ask for user+ext@domain, user@domain, where the domain is local or $myorigin also user+ext
 * and user, then @domain. address is in internal form. *extension (may be NULL) is what was
 * left off to match, with its delimiter. 1 found, 0 not found, -1 a temporary error.
 */
MUST_USE MAY_WAIT int address_find(struct maps *maps, struct slice address, struct buf *value,
                                   struct slice *extension, struct error *error);

enum address_extension { EXTENSION_DROP, EXTENSION_PROPAGATE };

struct address_list {
    struct slice *items; /* internal form, rewritten; in the arena */
    size_t count;
};

/*
 * Find, and take the result as a list of addresses: "@domain" keeps the user, incomplete ones
 * get $myorigin, an unmatched extension is passed on if that is wanted. Returns as
 * address_find does.
 */
MUST_USE MAY_WAIT int address_map(struct maps *maps, struct slice address,
                                  enum address_extension extension, struct arena *arena,
                                  struct address_list *list, struct error *error);
