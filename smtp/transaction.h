/*
 * One mail transaction: MAIL, RCPT, DATA, the message, and what becomes of each recipient.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "delivery/delivery.h"
#include "requiretls.h"
#include "session.h"

/* A delivery on its way over the hosts that may take it. */
struct attempt {
    struct delivery *delivery;
    struct recipient **pending; /* not yet accounted for */
    size_t n_pending;
    /* What the server is told where that is not what the queue file says (generic.h): of the
     * sender, and of delivery->recipients in their order. NULL: it is. */
    struct slice sender, *addresses;
    bool is_final;   /* no other host will be tried: temporary trouble counts */
    struct dsn last; /* the latest trouble, for those left over in the end */
    const char *last_relay;
    enum requiretls requiretls; /* of this message to the next hop at hand */
    bool may_go_plain; /* TLS that breaks is no reason to wait: another try without it */
    bool went_plain;   /* out: and now is the time for that */
};

enum transaction {
    TRANSACTION_DONE,   /* the session is between transactions again */
    TRANSACTION_QUIT,   /* over, with QUIT said */
    TRANSACTION_BROKEN, /* the session is of no more use */
    TRANSACTION_STALE,  /* a kept connection turned out to be dead before anything was said */
};

/*
 * Run the transaction for the pending recipients. Those accepted or refused for good are
 * accounted for and leave pending; so do those refused for now when attempt->is_final.
 * may_keep: the connection may be wanted again; else QUIT goes out with the end of the message.
 */
MUST_USE MAY_WAIT enum transaction transaction_run(struct session *session,
                                                   struct attempt *attempt, bool may_keep);

/* All pending recipients meet the same fate: logged only, where other hosts remain. */
MAY_WAIT void attempt_trouble(struct attempt *attempt, const char *relay,
                              const struct dsn *dsn);
