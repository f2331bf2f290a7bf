/*
 * The flush service: per-destination lists of deferred mail for ETRN and sendmail -qR.
 */
#pragma once

#include "base/error.h"
#include "base/slice.h"
#include "base/time.h"

enum flush_status {
    FLUSH_STATUS_OK,
    FLUSH_STATUS_FAIL,
    FLUSH_STATUS_UNKNOWN,
    FLUSH_STATUS_BAD
};

/* The destination is outside fast_flush_domains: FLUSH_STATUS_UNKNOWN. */
MUST_USE MAY_WAIT int flush_add_message(struct slice site, struct slice queue_id,
                                        deadline_t until, enum flush_status *status,
                                        struct error *error);
MUST_USE MAY_WAIT int flush_deliver_site(struct slice site, deadline_t until,
                                         enum flush_status *status, struct error *error);
MUST_USE MAY_WAIT int flush_deliver_message(struct slice queue_id, deadline_t until,
                                            enum flush_status *status, struct error *error);
