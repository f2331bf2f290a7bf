/*
 * Getting in touch with one filter: connection and negotiation.
 */
#pragma once

#include "base/compiler.h"
#include "milter/milter.h"

/*
 * Connect and agree on version, actions and steps; lists of macros that the filter wants lie in
 * the arena. False when that failed: logged, and the default action stands.
 */
MAY_WAIT bool milter_open(struct milter *milter, struct arena *arena);
