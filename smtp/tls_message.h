/*
 * What one message asks of TLS (RFC 8689), and what the log says came of it.
 */
#pragma once

#include <stdbool.h>

#include "delivery/delivery.h"
#include "session.h"
#include "tls_policy.h"
#include "transaction.h"

/* The header "TLS-Required: no", or REQUIRETLS in the envelope. */
enum tls_wish tls_wish_of(const struct delivery *delivery);

/*
 * After a handshake that failed, where TLS is optional: mail that has waited for
 * minimal_backoff_time, or that does not ask for protection, goes in the open.
 */
bool tls_may_go_plain(const struct delivery *delivery, const struct tls_policy *policy);

/*
 * delivery->tls_status: the level that was wanted; ":" and the one that became of it where
 * that is another; "!" in front where the demand was not met, "?" behind where it did not come
 * to that. session is NULL when there is none. Then what came of REQUIRETLS (requiretls.h).
 */
void tls_status_set(struct attempt *attempt, const struct tls_policy *policy,
                    const struct session *session);
