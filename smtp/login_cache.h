/*
 * Logins that servers have refused (smtp_sasl_auth_cache_name): the same password is not tried
 * again until smtp_sasl_auth_cache_time is over, so that no account is locked for our retries.
 *
 * Under "host;user" the cache has when it was, a salted hash of the password, and the reply.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mail/dsn.h"

struct login_attempt {
    struct slice host, user, password;
};

struct login_refusal {
    char status[DSN_STATUS_BYTES];
    struct buf reply;
};

void login_refusal_release(struct login_refusal *refusal); /* for CLEANUP */

/* Before the jail. An empty name: no cache. What is wrong with it is logged: no cache either.
 */
void login_cache_open(const char *name, int64_t time_ms);

/* Was just this refused, and not too long ago? Then *refusal is filled in. */
bool login_cache_find(const struct login_attempt *attempt, struct login_refusal *refusal);

/* The server refused it, with this reply ("535 5.7.8 wrong") and status. */
void login_cache_add(const struct login_attempt *attempt, const char *status,
                     struct slice reply);
