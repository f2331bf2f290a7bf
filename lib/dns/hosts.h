/*
 * The hosts file: names that the system resolves without DNS.
 */
#pragma once

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "dns/dns.h"

/* Read the file (a missing one is empty); replaces what was read before. */
MUST_USE int hosts_read(const char *path, struct error *error);

/* Append to the answer the addresses of the name in that family; the number found. */
size_t hosts_addresses(struct slice name, int family, struct arena *arena,
                       struct dns_answer *answer);
/* The names of an address, as targets. */
size_t hosts_names(const struct endpoint *endpoint, struct arena *arena,
                   struct dns_answer *answer);
