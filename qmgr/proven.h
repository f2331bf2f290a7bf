/*
 * The destinations of a transport that took mail lately. A destination is forgotten when
 * nothing waits for it; that it works is not, so that it need not prove it anew with its next
 * message.
 */
#pragma once

#include <stdbool.h>

#include "base/hash.h"

/* Two generations: when the younger one is full, it takes the place of the older. */
struct proven {
    struct hash recent, older;
};

void proven_add(struct proven *proven, struct slice key);
void proven_remove(struct proven *proven, struct slice key);
bool proven_has(const struct proven *proven, struct slice key);
