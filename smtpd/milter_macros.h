/*
 * The macros that filters are told of a session.
 */
#pragma once

#include "base/compiler.h"
#include "base/slice.h"

/* For struct milter_macros (milter/macros.h); context is the session. */
MAY_WAIT const char *milter_macro(void *context, struct slice name);
