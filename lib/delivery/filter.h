/*
 * default_delivery_status_filter and its per-agent forms: "X.Y.Z text" looked up in tables and
 * replaced.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "mail/dsn.h"

/*
 * Replace status and reason when a table of delivery_open_filter knows "status reason". Success
 * stays success and failure stays failure; a result that is neither is logged and ignored. The
 * new reason lies in the arena.
 */
MAY_WAIT void delivery_filter(struct arena *arena, struct dsn *dsn);
