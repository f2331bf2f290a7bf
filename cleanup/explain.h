/*
 * What becomes of an address, step by step, for `tassis explain`: the rewriting is done by the
 * same code as for mail, on a message that is written nowhere.
 */
#pragma once

#include "base/compiler.h"
#include "transaction.h"

/* The worker's explain: arguments are a recipient and, if wanted, a sender. */
MAY_WAIT int explain(int argc, char **argv);

/* Where a recipient that all tables have had their say about goes to. */
MAY_WAIT void explain_recipient(struct transaction *transaction, struct slice address);
