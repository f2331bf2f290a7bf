/*
 * Destinations: concurrency, death and resurrection.
 */
#include "destination.h"

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "clog.h"
#include "conf/params.h"

/* Sums of fractions such as 1/3 fall a little short of the whole. */
#define ROUNDING 0.0001

static void end_trouble_or_rest(struct timer *timer);

struct destination *destination_find(struct transport *transport, struct slice key)
{
    return hash_get(&transport->destinations, key);
}

struct destination *destination_get(struct transport *transport, struct slice key,
                                    struct slice nexthop)
{
    struct destination *destination = destination_find(transport, key);

    if (destination)
        return destination;
    destination = mem_new(struct destination);
    destination->transport = transport;
    destination->key = slice_dup(key);
    destination->nexthop = slice_dup(nexthop);
    destination->window = (int)transport->limits.initial_concurrency;
    destination->timer.fire = end_trouble_or_rest;
    destination->proven = proven_has(&transport->proven, key);
    hash_set(&transport->destinations, key, destination);
    return destination;
}

void destination_forget_if_idle(struct destination *destination)
{
    if (destination->n_todo || destination->n_busy || destination_is_dead(destination) ||
        destination->resting)
        return;
    bug_if(heap_has(&destination->ready));
    if (destination->proven)
        proven_add(&destination->transport->proven, slice_from(destination->key));
    timer_cancel(&destination->timer);
    hash_remove(&destination->transport->destinations, slice_from(destination->key));
    heap_release(&destination->peers);
    mem_free(destination->trouble);
    mem_free(destination->key);
    mem_free(destination->nexthop);
    mem_free(destination);
}

bool destination_is_dead(const struct destination *destination)
{
    return destination->trouble != NULL;
}

bool destination_has_room(const struct destination *destination)
{
    return destination->n_busy < destination->window && !destination->resting;
}

static enum standing standing(const struct destination *destination)
{
    if (destination->proven)
        return STANDING_PROVEN;
    return destination->n_busy > 0 ? STANDING_ON_TRIAL : STANDING_UNTRIED;
}

bool destination_is_ready(const struct destination *destination)
{
    return heap_has(&destination->ready) &&
           transport_has_room(destination->transport, standing(destination));
}

static void withdraw(struct destination *destination)
{
    if (heap_has(&destination->ready))
        heap_remove(destination->ready_in, &destination->ready);
}

void destination_update(struct destination *destination)
{
    struct heap *ready = &destination->transport->ready[standing(destination)];
    const struct heap_node *first = heap_top(&destination->peers);

    if (!first || !destination_has_room(destination)) {
        withdraw(destination);
    } else if (!heap_has(&destination->ready) || destination->ready_in != ready) {
        withdraw(destination);
        heap_add(ready, &destination->ready, first->key);
        destination->ready_in = ready;
    } else if (destination->ready.key != first->key) {
        heap_change(ready, &destination->ready, first->key);
    }
}

static void log_feedback(const char *event, const struct destination *destination,
                         double feedback)
{
    if (!params.destination_concurrency_feedback_debug)
        return;
    if (feedback > 0)
        log_info("%s: feedback %g", event, feedback);
    log_info("%s: queue %s: limit %lld window %d success %g failure %g fail_cohorts %g", event,
             destination->nexthop, (long long)destination->transport->limits.concurrency,
             destination->window, destination->success, destination->failure,
             destination->failed_cohorts);
}

void destination_revive(struct destination *destination)
{
    if (!destination_is_dead(destination))
        return;
    timer_cancel(&destination->timer);
    mem_free(destination->trouble);
    destination->trouble = NULL;
    /* How much it can take now is anyone's guess. */
    destination->window = destination->n_busy > 0
                              ? destination->n_busy
                              : (int)destination->transport->limits.initial_concurrency;
    destination->success = destination->failure = destination->failed_cohorts = 0;
    destination_update(destination);
}

static void end_trouble_or_rest(struct timer *timer)
{
    struct destination *destination = CONTAINER_OF(timer, struct destination, timer);
    struct transport *transport = destination->transport;

    destination->resting = false;
    destination_revive(destination);
    destination_update(destination);
    destination_forget_if_idle(destination);
    if (transport_wake)
        transport_wake(transport);
}

void destination_succeeded(struct destination *destination)
{
    const struct transport_limits *limits = &destination->transport->limits;
    double amount = 0;

    destination->proven = true;
    if (destination_is_dead(destination)) {
        destination_revive(destination);
        return;
    }
    destination->failed_cohorts = 0;
    /* Open no further than what is in use plus a margin: an unused window says nothing. */
    if ((limits->concurrency == 0 || destination->window < limits->concurrency) &&
        destination->window < destination->n_busy + limits->initial_concurrency) {
        amount = feedback_amount(&limits->positive, destination->window);
        destination->success += amount;
        while (destination->success + ROUNDING >= 1) {
            destination->window++;
            destination->success -= 1;
            destination->failure = 0;
        }
        if (limits->concurrency > 0 && destination->window > limits->concurrency)
            destination->window = (int)limits->concurrency;
    }
    log_feedback("qmgr_queue_unthrottle", destination, amount);
}

static void close_window(struct destination *destination)
{
    double amount =
        feedback_amount(&destination->transport->limits.negative, destination->window);

    destination->failure -= amount;
    while (destination->failure - ROUNDING < 0) {
        destination->window--;
        destination->success = 0;
        destination->failure += 1;
    }
    if (destination->window < 1)
        destination->window = 1;
    log_feedback("qmgr_queue_throttle", destination, amount);
}

void destination_failed(struct destination *destination, const char *reason)
{
    const struct transport_limits *limits = &destination->transport->limits;

    if (destination->proven)
        proven_remove(&destination->transport->proven, slice_from(destination->key));
    destination->proven = false;
    if (destination_is_dead(destination))
        return;
    destination->failed_cohorts += 1.0 / destination->window;
    if (limits->failed_cohorts == 0 ||
        destination->failed_cohorts + ROUNDING < (double)limits->failed_cohorts) {
        close_window(destination);
        return;
    }
    destination->window = 0;
    destination->trouble = mem_dup_text(reason);
    destination->resting = false;
    timer_set(&destination->timer, params.minimal_backoff_time);
    log_feedback("qmgr_queue_throttle", destination, 0);
}

void destination_begin(struct destination *destination)
{
    clog_watch(destination);
    destination->n_busy++;
    destination_update(destination);
}

void destination_end(struct destination *destination)
{
    int64_t delay_ms = destination->transport->limits.destination_delay_ms;

    destination->n_busy--;
    if (delay_ms > 0 && !destination_is_dead(destination)) {
        destination->resting = true;
        timer_set(&destination->timer, delay_ms);
    }
    destination_update(destination);
}
