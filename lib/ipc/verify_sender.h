/*
 * The sender of address probes. With address_verify_sender_ttl it is another one every so
 * often, so that spam sent to one that became known does not last.
 *
 * Reads the global params: address_verify_sender, address_verify_sender_ttl, myorigin.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/* Append the present one in internal form; nothing for the null sender. */
void verify_sender_make(struct buf *address);

/* Is this the present or the one before it, with its domain? Never true for the null sender. */
bool verify_sender_is_ours(struct slice address);
