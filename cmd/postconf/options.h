/*
 * The command line of postconf.
 */
#pragma once

#include "postconf.h"

/* Fill *options; ends the program with Postfix's words when options contradict each other. */
void options_parse(struct options *options, int argc, char **argv);
