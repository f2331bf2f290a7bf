/* Submitting a message: envelope, text and recipients, through postdrop. */
#pragma once

#include "options.h"

/* Reads the message from standard input (but for -bv). Any trouble ends the program. */
void submit(const struct options *options);
