/*
 * What is counted for each client of each service: open connections, and events within the
 * present interval (anvil_rate_time_unit).
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/slice.h"
#include "ipc/anvil_client.h"

struct client_counters {
    int64_t started_ms; /* of the interval */
    int64_t connections, connection_rate, mail_rate, recipient_rate, newtls_rate, auth_rate;
};

/*
 * Count the event of a client, told by the process; the counters afterwards. ANVIL_LOOKUP
 * counts nothing. unit_ms is the length of an interval.
 */
const struct client_counters *counters_note(enum anvil_event event, struct slice service,
                                            struct slice name, pid_t process, int64_t unit_ms);

/* Take back the connections of processes that are gone; forget clients that are quiet. */
void counters_sweep(int64_t unit_ms);

/* Clients known now. */
size_t counters_size(void);
