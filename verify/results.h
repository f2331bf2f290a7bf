/*
 * All that is known of addresses: in address_verify_map, or in memory where that is empty.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "entry.h"

/* Before the jail. A map that cannot be opened ends the start. */
void results_open(void);
/* The process is about to end. */
void results_save(void);

/* False: nothing (valid) is there; trouble has been logged. storage owns the entry's text. */
MUST_USE bool results_find(struct slice address, struct entry *entry, struct buf *storage);
void results_set(struct slice address, const struct entry *entry);

/* Take out what has expired, again and again; a coroutine. */
MAY_WAIT void results_clean(void *unused);

const struct lifetimes *results_lifetimes(void);
