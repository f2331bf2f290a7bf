/*
 * Variable envelope return paths: a sender for each recipient, so that a bounce tells who
 * failed.
 */
#pragma once

#include "base/arena.h"
#include "base/slice.h"

/*
 * "list@example.com" and "user@example.net" with the delimiters "+=" make
 * "list+user=example.net@example.com". delimiters holds at least two bytes.
 */
struct slice verp_sender(struct arena *arena, struct slice delimiters, struct slice sender,
                         struct slice recipient);
