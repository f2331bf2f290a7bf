/*
 * XFORWARD commands: who the original client was, for content filters and what is behind them.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum xforward_attribute {
    XFORWARD_NAME = 1,
    XFORWARD_ADDR = 2,
    XFORWARD_PORT = 4,
    XFORWARD_PROTO = 8,
    XFORWARD_HELO = 16,
    XFORWARD_IDENT = 32,
    XFORWARD_SOURCE = 64,
};

struct xforward_value {
    enum xforward_attribute attribute;
    struct slice value; /* empty, "unknown": [UNAVAILABLE] */
};

/* XFORWARD_ bits of what an EHLO reply offers: "NAME ADDR PROTO ...". */
unsigned xforward_offered(struct slice words);

/* "NAME": of one attribute. */
const char *xforward_name(enum xforward_attribute attribute);

/*
 * Compose the next command from values[*at] on, with values in xtext (RFC 1891): those that are
 * offered, as many as go into 512 bytes. False when none is left.
 */
bool xforward_command(struct buf *command, unsigned offered,
                      const struct xforward_value *values, size_t n_values, size_t *at);
