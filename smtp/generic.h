/*
 * smtp_generic_maps: addresses that only this system knows become those that the world may
 * answer to.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "mail/header.h"
#include "transaction.h"

/* Open the table; before the jail. */
void generic_open(void);
bool generic_is_used(void);

/*
 * The envelope as the server sees it: attempt->sender and attempt->addresses, in the delivery's
 * arena. -1: a table failed.
 */
MUST_USE MAY_WAIT int generic_map_envelope(struct attempt *attempt, struct error *error);

/*
 * The addresses in a whole header, by its entry (NULL: it has none); it is composed anew where
 * one changes. -1: a table failed.
 */
MUST_USE MAY_WAIT int generic_map_header(struct buf *header, const struct header_info *info,
                                         struct error *error);
