/*
 * The clients that are connected now, by address, with what they have passed; and the cache
 * that remembers that when they have gone.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"
#include "results.h"

/* All sessions of one address share it. */
struct client {
    struct results results;
    int n_sessions;
    int n_passed; /* sessions that were told to have passed */
    char address[];
};

/* Before the jail. A cache that cannot be opened is an error line; then nobody is remembered.
 */
void clients_open(void);
/* The one with that address, with its results from the cache. Each join is followed by a leave.
 */
MUST_USE struct client *client_join(struct slice address);
void client_leave(struct client *client);
/* Keep its results in the cache. */
void client_remember(const struct client *client);

/* A coroutine that takes old entries out of the cache, now and then. */
void clients_keep_tidy(void);
/* The process is about to end: leave nothing unsaved. */
void clients_save(void);
