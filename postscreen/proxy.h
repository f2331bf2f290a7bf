/*
 * The header that a proxy in front of us puts in front of a connection.
 */
#pragma once

#include "base/compiler.h"
#include "worker/worker.h"

/*
 * Read it, and not a byte more: what follows is for smtpd. The connection's addresses become
 * those of the client and of where it connected to. -1: no header in time; logged.
 */
MUST_USE MAY_WAIT int proxy_identify(struct worker_client *connection);
