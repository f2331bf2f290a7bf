/*
 * Deliveries: one coroutine each, from the choice of an entry to the account of its result.
 */
#pragma once

/* From now on transport_wake starts deliveries. */
void deliver_start(void);
/* Start no more. */
void deliver_stop(void);
/* Deliveries in progress. */
long deliver_count(void);
