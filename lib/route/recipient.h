/*
 * The first half of resolving: which recipient is meant. @domain parts that are this system are
 * stripped and what is left (user%site, site!user, user@site) is looked at again. Private to
 * lib/route.
 */
#pragma once

#include "route/resolve.h"

enum recipient_result {
    RECIPIENT_OK,        /* recipient set; flags: CLASS_LOCAL and ROUTED where true */
    RECIPIENT_MALFORMED, /* recipient set as far as it could be */
    RECIPIENT_FAILED,    /* a table is not available: temporary error */
};

MUST_USE MAY_WAIT enum recipient_result route_recipient(struct slice address,
                                                        struct arena *arena,
                                                        struct resolved *resolved,
                                                        struct error *error);
