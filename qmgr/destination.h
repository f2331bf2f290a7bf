/*
 * A destination: transport and nexthop, and how many deliveries at a time it is given.
 *
 * The concurrency window opens with successes and closes with failures; a destination that
 * fails a whole window's worth of deliveries is dead for minimal_backoff_time, and what waits
 * for it is deferred.
 */
#pragma once

#include <stdbool.h>

#include "base/heap.h"
#include "base/slice.h"
#include "timer.h"
#include "transport.h"

struct peer;

struct destination {
    struct transport *transport;
    char *key;              /* in transport->destinations: nexthop, or user@nexthop */
    char *nexthop;          /* for log and request */
    struct heap peers;      /* struct peer with entries to deliver, by rank of their jobs */
    struct heap_node ready; /* in *ready_in, one of transport->ready */
    struct heap *ready_in;
    int n_todo, n_busy; /* entries waiting and in delivery */
    int window;         /* deliveries at a time; 0: dead */
    double success, failure, failed_cohorts;
    bool proven;   /* it took mail and has not failed since */
    char *trouble; /* why it is dead: "4.4.1 text" */
    bool resting;  /* destination_rate_delay after a delivery */
    struct timer timer;
    struct peer *newest; /* made last; may serve the next recipient of the same message */
    int64_t clog_warned_at;
};

/*
 * The destination of that key, made when new. nexthop is what the agent is told; key is the
 * nexthop, or finer where each recipient is a destination of its own.
 */
struct destination *destination_get(struct transport *transport, struct slice key,
                                    struct slice nexthop);
struct destination *destination_find(struct transport *transport, struct slice key);

/* Free it when nothing waits for it and it is neither dead nor resting. */
void destination_forget_if_idle(struct destination *destination);

bool destination_is_dead(const struct destination *destination);
bool destination_has_room(const struct destination *destination);
/* Something is to do, and both destination and transport have room. */
bool destination_is_ready(const struct destination *destination);
/* Put it where the scheduler finds it, or take it away: after any change of room or entries. */
void destination_update(struct destination *destination);

/* Feedback of a delivery. reason: "4.4.1 text". */
void destination_succeeded(struct destination *destination);
void destination_failed(struct destination *destination, const char *reason);
/* Not dead any more. */
void destination_revive(struct destination *destination);
/* A delivery has begun, or ended: destination_rate_delay. */
void destination_begin(struct destination *destination);
void destination_end(struct destination *destination);
