/*
 * What shall happen later: many timers, one coroutine.
 */
#pragma once

#include <stdint.h>

#include "base/compiler.h"
#include "base/heap.h"

struct timer {
    struct heap_node node;
    void (*fire)(struct timer *timer); /* never waits; may set timers */
};

/* Fire once after that many milliseconds; a timer that is set already is moved. */
void timer_set(struct timer *timer, int64_t delay_ms);
/* Harmless when it is not set. */
void timer_cancel(struct timer *timer);
bool timer_is_set(const struct timer *timer);

/* Fire what is due now. The coroutine calls it, and unit tests with a clock of their own. */
void timer_fire_due(void);

/* The coroutine. */
MAY_WAIT void timer_run(void *unused);
