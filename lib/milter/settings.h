/*
 * What main.cf says about filters, for the programs that ask them. This is the one part of the
 * milter library that reads `params`.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "milter/config.h"
#include "milter/macros.h"

/* Parse a list such as smtpd_milters with the milter_* parameters as defaults. */
MUST_USE int milter_settings_list(struct milter_list *list, struct slice text,
                                  struct arena *arena, struct error *error);
/* The milter_*_macros lists and milter_macro_defaults; value and context stay the caller's. */
void milter_settings_macros(struct milter_macros *macros);
