/*
 * Compatibility levels: "3", "3.6", "3.10.1". They compare number by number, so 3.10 is
 * above 3.9.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

/* *order is -1, 0 or 1 as a is below, equal to or above b. False when one is not a level. */
bool level_compare(struct slice a, struct slice b, int *order);
