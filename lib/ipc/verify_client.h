/*
 * The verify service: what is known about the deliverability of addresses.
 *
 * Reads the global params: address_verify_service_name.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

/* What a probe found out. The numbers stand in the verify cache. */
enum verify_recipient_status {
    VERIFY_RECIPIENT_OK,
    VERIFY_RECIPIENT_DEFER,
    VERIFY_RECIPIENT_BOUNCE,
    VERIFY_RECIPIENT_PROBE, /* not known yet: a probe is under way */
};

/* Report the result of a probe. Temporary error when the service did not take it. */
MUST_USE MAY_WAIT int verify_report(struct slice address, enum verify_recipient_status status,
                                    struct slice reason, deadline_t until, struct error *error);

/*
 * What is known of an address (internal form); a probe starts where it is too little. The
 * reason lies in the arena. Temporary error when the service could not be asked.
 */
MUST_USE MAY_WAIT int verify_query(struct slice address, struct arena *arena,
                                   enum verify_recipient_status *status, struct slice *reason,
                                   deadline_t until, struct error *error);
