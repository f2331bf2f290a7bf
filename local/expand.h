/*
 * The right-hand side of an alias, the lines of a .forward or :include: file: addresses,
 * |commands, /files and :include:s, separated by commas and line ends.
 */
#pragma once

#include "base/compiler.h"
#include "job.h"

/*
 * Append to the job what the text lists; lines that start with # are comments. Returns the
 * number of entries found.
 */
size_t expand_list(struct job *job, struct slice text, const struct origin *origin);

/* Read an :include: file of that origin and append what it lists. Accounts for trouble. */
MAY_WAIT void expand_include(struct job *job, struct slice path, const struct origin *origin);
