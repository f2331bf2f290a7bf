/*
 * Hand a recipient over to another delivery agent.
 */
#pragma once

#include "base/compiler.h"
#include "delivery/delivery.h"

enum delivery_passed {
    DELIVERY_PASSED,      /* that agent has delivered or bounced the recipient */
    DELIVERY_PASSED_LEFT, /* it has not, and said why: the recipient stays in the queue */
    DELIVERY_NOT_PASSED,  /* nobody took the request, or died over it: temporary error */
};

/*
 * transport is "name" or "name:nexthop", as fallback_transport and its like have it; without
 * the second part the next hop is the one given. Logs where it goes.
 */
MUST_USE MAY_WAIT enum delivery_passed delivery_pass(struct delivery *delivery,
                                                     const struct recipient *recipient,
                                                     const char *transport,
                                                     struct slice nexthop, struct error *error);
