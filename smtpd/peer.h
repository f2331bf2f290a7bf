/*
 * The other end of the connection: who it is, or who a proxy says it is (XCLIENT, PROXY).
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "mail/message.h"
#include "net/endpoint.h"
#include "route/client_name.h"
#include "worker/worker.h"

struct peer {
    struct client_attributes text; /* helo and protocol are set by XCLIENT, XFORWARD alone */
    struct endpoint endpoint;      /* len 0: not an address (local socket, "unknown") */
    enum name_status name_status;
    enum name_status reverse_name_status;
    struct slice server_address, server_port;
    struct slice full_name; /* "name[address]", what log lines and messages show */
};

/*
 * Find out who is there; looks names up (smtpd_peername_lookup). All texts lie in the arena.
 */
MAY_WAIT void peer_identify(struct peer *peer, const struct endpoint *remote,
                            const struct endpoint *local, struct arena *arena);
/* The user of a pipe or local socket: localhost. */
void peer_set_local(struct peer *peer, struct arena *arena);
/* Nobody knows: no address, no name, and no trust. */
void peer_set_unknown(struct peer *peer, struct arena *arena);
/* Compose full_name again after a change. */
void peer_update_full_name(struct peer *peer, struct arena *arena);
