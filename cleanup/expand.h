/* Virtual aliases: one recipient becomes any number of others. */
#pragma once

#include "route/address_map.h"
#include "transaction.h"

/*
 * Look the recipient up in virtual_alias_maps, and the results again until they map to nothing
 * or to themselves. *list is the address alone where nothing is found. When there is no end to
 * it, or a table is not available, the transaction fails and the list is the address alone.
 */
MAY_WAIT void virtual_expand(struct transaction *transaction, struct slice address,
                             struct address_list *list);
