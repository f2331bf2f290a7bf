/*
 * Indexes that the configuration names and nobody has built yet. An old configuration says
 * hash:/etc/aliases and has /etc/aliases.db, which we do not read: the index is built from the
 * source beside it.
 */
#pragma once

#include "base/error.h"
#include "conf/main_cf.h"
#include "conf/master_cf.h"

/*
 * For every hash:, btree: and lmdb: table that main.cf (defaults included) or a -o of master.cf
 * names: where NAME has no index but exists, build the index, as aliases when alias_maps or
 * alias_database names it. The log says which were built, and warns of those that could not be.
 * As root this takes the rights of the source's owner meanwhile. Reads params.
 */
void tables_build_missing(const struct main_cf *main_cf, const struct master_cf *master_cf);
