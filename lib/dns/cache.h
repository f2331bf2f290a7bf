/*
 * What the resolver said, for as long as it said so: bounded in number, in memory and in
 * time.
 */
#pragma once

#include "dns/dns.h"

#define DNS_CACHE_MAX_ENTRIES 10000
/* Most answers take some 300 bytes, but one may have a thousand records. */
#define DNS_CACHE_MAX_BYTES   ((size_t)16 << 20)
#define DNS_CACHE_MAX_SECONDS 3600
/* "No such name" is believed for this long at most, whatever the zone's SOA says. */
#define DNS_CACHE_MAX_NEGATIVE_SECONDS 60

/* True when the cache knows; the answer is copied into the arena. */
bool dns_cache_find(struct slice name, enum dns_type type, struct arena *arena,
                    enum dns_result *result, struct dns_answer *answer);
/* Keep a result (answer NULL for negative ones) for that many seconds; 0 keeps nothing. */
void dns_cache_add(struct slice name, enum dns_type type, enum dns_result result,
                   const struct dns_answer *answer, uint32_t seconds);
/* Forget everything; for tests and at exit. */
void dns_cache_clear(void);
