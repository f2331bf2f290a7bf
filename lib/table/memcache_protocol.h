/*
 * The text protocol of memcached: get, set and delete of one key.
 *
 * A command that fails on a connection is tried again max_try times, with a pause in between
 * and a warning in the log; where no server takes the connection it is not. All errors are
 * temporary, and name the table and the server.
 */
#pragma once

#include <stdbool.h>

#include "table/peer.h"
#include "table/table.h"

struct memcache_server {
    struct peer peer;
    const char *name;                      /* of the parameter file, for messages */
    long flags, ttl;                       /* of what is set */
    long data_size_limit, line_size_limit; /* bytes of a reply */
    long max_try;
    long retry_pause, timeout; /* seconds */
};

/* key: 1 to 250 bytes without white space and control characters. *value is replaced when
 * found. */
MUST_USE MAY_WAIT enum table_result memcache_get(struct memcache_server *server,
                                                 struct slice key, struct buf *value,
                                                 struct error *error);
MUST_USE MAY_WAIT int memcache_set(struct memcache_server *server, struct slice key,
                                   struct slice value, struct error *error);
MUST_USE MAY_WAIT int memcache_delete(struct memcache_server *server, struct slice key,
                                      bool *was_there, struct error *error);
