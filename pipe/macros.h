/*
 * The macros of pipe's argv=: ${recipient}, ${sender} and the like.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "delivery/attributes.h"
#include "delivery/delivery.h"

/*
 * The command's arguments for a delivery of one recipient or more, NULL-terminated, in the
 * delivery's arena. What names the recipient stands once for each of them. Temporary error: a
 * macro that makes no sense, too many arguments.
 */
MUST_USE int macros_expand(const struct attributes *attributes, struct delivery *delivery,
                           const char *const **argv, struct error *error);
