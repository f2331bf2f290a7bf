/*
 * debug_peer_list: what is said with some peers is logged as with -v. Reads the global params.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"
#include "net/endpoint.h"

/* Before the jail. What is wrong with the list is logged. */
void debug_peer_open(void);

/*
 * Is this one of them, by name or address? Then log_verbosity is higher from now on: in the
 * coroutine that calls this, or until the caller sets it back.
 */
MAY_WAIT void debug_peer_check(struct slice name, const struct endpoint *address);
