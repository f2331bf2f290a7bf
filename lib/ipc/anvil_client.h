/*
 * Counters of client connections and rates, shared by all processes of a service.
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "ipc/message.h"

enum anvil_event {
    ANVIL_CONNECT,
    ANVIL_DISCONNECT,
    ANVIL_MAIL,
    ANVIL_RECIPIENT,
    ANVIL_NEWTLS,
    ANVIL_AUTH,
    ANVIL_LOOKUP,
};

/* Report the event and learn the counters (all of struct anvil_reply). */
MUST_USE MAY_WAIT int anvil_report(enum anvil_event event, struct slice service,
                                   struct slice client, deadline_t until,
                                   struct anvil_reply *counters, struct error *error);
