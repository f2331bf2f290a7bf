/*
 * What the programs that take test mail (smtp-sink, qmqp-sink) have in common: listening, and a
 * bounded number of sessions. For programs: trouble at the start ends them.
 */
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "co/co.h"
#include "net/endpoint.h"
#include "net/place.h"

struct load_sink {
    int64_t sessions_most; /* further clients wait in the queue of the system */
    /* Take over a connection, in a coroutine of its own. */
    MAY_WAIT void (*serve)(int fd, const struct endpoint *client);
    int listeners[PLACE_ENDPOINTS_MOST];
    int n_listeners;
    int64_t n_sessions;
    struct co_queue ended;
};

/* Listen; for queues of that many clients, a number in text. 1 is the status of failure. */
void load_sink_listen(struct load_sink *sink, const char *text, const char *backlog,
                      int family);
/* Serve clients, until the program ends. */
void load_sink_run(struct load_sink *sink);
