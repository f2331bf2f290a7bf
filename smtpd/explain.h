/*
 * What a client would be told, and why, for `tassis explain --from`: a session like any other,
 * whose other end is a script. Policy servers and DNS are asked; filters are not, nothing is
 * counted, and no message begins.
 */
#pragma once

#include "base/compiler.h"

/* The worker's explain: arguments are client address, HELO name, sender and recipient. */
MAY_WAIT int explain(int argc, char **argv);
