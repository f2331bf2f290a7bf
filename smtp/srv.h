/*
 * The order of SRV records.
 */
#pragma once

#include <stddef.h>

#include "dns/dns.h"

/*
 * Sort by priority; among equals by chance, those of more weight more often in front (RFC 2782,
 * "Weight"). random(below) is a number from 0 to below - 1.
 */
void srv_sort(struct dns_record *records, size_t count, unsigned (*random)(unsigned below));
