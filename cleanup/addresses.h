/* Mapping single addresses: canonical tables and masquerading. */
#pragma once

#include "tables.h"
#include "transaction.h"

/* How an address is about to be used. */
enum address_role { ROLE_SENDER, ROLE_RECIPIENT };

/*
 * Apply the canonical tables and masquerading that hold for this class. address is in internal
 * form and complete (rewritten); the result lies in the arena or is the address itself. Table
 * trouble makes the transaction fail and leaves the address.
 */
MAY_WAIT struct slice address_mapped(struct transaction *transaction, enum address_role role,
                                     enum address_class class, struct slice address,
                                     struct arena *arena);

/* False when address_mapped would change no address at all. */
bool address_mapping_applies(const struct transaction *transaction, enum address_role role,
                             enum address_class class);
