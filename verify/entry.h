/*
 * What is known of one address, and how long that is good for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "ipc/verify_client.h"

struct entry {
    enum verify_recipient_status status;
    int64_t probed;  /* wall seconds when a probe was sent; 0: its result is here */
    int64_t updated; /* wall seconds of the last result; 0: there has been none */
    struct slice text;
};

/* How long, in seconds, results are kept and when they are found out anew. */
struct lifetimes {
    int64_t positive_expire, positive_refresh, negative_expire, negative_refresh;
};

/* The text form of Postfix's caches: "status:probed:updated:text". */
void entry_format(struct buf *out, const struct entry *entry);
/* False: damaged. The text is borrowed. */
MUST_USE bool entry_parse(struct entry *entry, struct slice value);

/* It says nothing any more, and no probe is under way. */
bool entry_is_expired(const struct entry *entry, const struct lifetimes *lifetimes,
                      int64_t now);
/* Time for a new probe. */
bool entry_wants_probe(const struct entry *entry, const struct lifetimes *lifetimes,
                       int64_t now);
/*
 * May a probe's result take the place of this one? A good address stays good until it expires,
 * though later probes fail.
 */
bool entry_yields(const struct entry *entry, enum verify_recipient_status status,
                  const struct lifetimes *lifetimes, int64_t now);
