/*
 * A transport: a delivery agent's service, its limits, its destinations and its jobs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/slice.h"
#include "feedback.h"
#include "proven.h"
#include "timer.h"

/*
 * What is known of a destination, and so how many of the transport's processes it may take:
 * deliveries to destinations that do not answer last long, and could else take all of them.
 */
enum standing {
    STANDING_PROVEN,   /* took mail, and has not failed since: any */
    STANDING_UNTRIED,  /* neither, and nothing is under way: not the last tenth */
    STANDING_ON_TRIAL, /* the first deliveries are under way: half of them */
};

#define STANDINGS (STANDING_ON_TRIAL + 1)

/* How its destinations are treated: <transport>_name, else default_name, in main.cf. */
struct transport_limits {
    int64_t recipients_per_delivery; /* destination_recipient_limit; 0: any number */
    int64_t concurrency;             /* destination_concurrency_limit; 0: any */
    int64_t initial_concurrency;
    struct feedback positive, negative;
    int64_t failed_cohorts;       /* before a destination is dead; 0: it never is */
    int64_t destination_delay_ms; /* destination_rate_delay */
    int64_t delay_ms;             /* transport_rate_delay */
    int64_t slot_cost, slot_loan, slot_discount, minimum_slots;
    int64_t recipients_in_memory, extra_recipients; /* recipient_limit, extra_recipient_limit */
    int64_t refill_limit, refill_delay_ms;
    int64_t processes; /* deliveries at a time: the process limit of master.cf; 0: any */
};

struct transport {
    char *name;
    char *service; /* "private/smtp" */
    struct transport_limits limits;
    struct hash destinations;     /* key -> struct destination */
    struct heap ready[STANDINGS]; /* destinations with room and something to do, by first job */
    struct proven proven;         /* those that are forgotten otherwise */
    struct list jobs;             /* struct job with something to do, oldest first */
    int64_t n_jobs_made;
    int64_t n_running;     /* deliveries */
    int64_t n_recipients;  /* in memory */
    char *trouble;         /* why it is throttled, "4.3.0 text"; NULL: it works */
    bool resting;          /* transport_rate_delay after a delivery */
    struct timer timer;    /* end of trouble or rest */
    struct job *candidate; /* found by the last search for a job to prefer; see job.c */
    const struct job *candidate_for;
    int64_t candidate_found_at;
};

/* The transport of that name, made when new. Never NULL. */
struct transport *transport_get(struct slice name);
/* Only when it is known already. */
struct transport *transport_find(struct slice name);

/* The service is out of order: no deliveries for transport_retry_time. reason: "4.3.0 text". */
void transport_throttle(struct transport *transport, const char *reason);
void transport_unthrottle(struct transport *transport);
/* No delivery begins for so long. */
void transport_rest(struct transport *transport, int64_t ms);
/* Forget all that is known about dead transports and destinations (postqueue -f). */
void transport_unthrottle_all(void);

/* May a delivery to a destination of that standing begin, as far as the transport is concerned?
 */
bool transport_has_room(const struct transport *transport, enum standing standing);
/* Account for a delivery. */
void transport_begin(struct transport *transport);
void transport_end(struct transport *transport);

/* The service that takes what cannot be delivered now, and the one that bounces. */
#define TRANSPORT_RETRY "retry"
#define TRANSPORT_ERROR "error"
bool transport_is_retry(const struct transport *transport);

/* Process limits of master.cf, to be read before the jail; a file in disorder sets none. */
void transport_read_process_limits(void);

/* Called when a transport may have become able to deliver; set by the delivery coroutines. */
extern void (*transport_wake)(struct transport *transport);
