/*
 * The attributes of XCLIENT and XFORWARD: NAME=value, values in xtext. Pure functions.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "net/endpoint.h"

#define XATTRIBUTE_UNAVAILABLE "[UNAVAILABLE]"
#define XATTRIBUTE_TEMPORARY   "[TEMPUNAVAIL]"

struct xattribute {
    const char *name;   /* upper case */
    struct slice value; /* decoded, not empty; the two words above in upper case */
};

enum xattribute_result { XATTRIBUTE_OK, XATTRIBUTE_END, XATTRIBUTE_BAD };

/* Cut the next attribute off; its texts lie in the arena. */
MUST_USE enum xattribute_result xattribute_next(struct slice *rest, struct arena *arena,
                                                struct xattribute *attribute);

/* "192.0.2.1" or "IPV6:2001:db8::1"; text is the address alone, in the arena. */
MUST_USE bool xattribute_address(struct slice value, struct endpoint *endpoint,
                                 struct arena *arena, struct slice *text);

/* At most five digits, as Postfix accepts. */
bool xattribute_is_port(struct slice value);
