/*
 * Idle connections kept for the next message to the same next hop (smtp_connection_cache_*).
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"
#include "session.h"

/*
 * A kept connection for the next hop, or with this shared_key, or NULL; one that the peer has
 * closed is dropped.
 */
MUST_USE struct session *session_cache_take(struct slice key);
/* Keep a connection that is between transactions; closed when its time is over. Takes it over.
 */
MAY_WAIT void session_cache_keep(struct session *session, struct slice nexthop);
/* Say QUIT on all; when the process ends. */
MAY_WAIT void session_cache_close(void);
