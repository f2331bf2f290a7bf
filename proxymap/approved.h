/*
 * The tables that proxymap may be asked about: clients run with few rights, and one that has
 * been taken over must not read through us what it likes.
 */
#pragma once

#include "base/slice.h"

struct cache;
struct table;

/*
 * Open the approved tables, before the jail: each "proxy:type:name" in list, the value of
 * proxy_read_maps; and every table in main.cf and master.cf whose type may block, since workers
 * ask us about those without being told. What cannot be opened is logged as an error.
 */
void approved_open(const char *list);

/* The open table "type:name", or NULL when it is not approved. */
struct table *approved_find(struct slice spec);

/*
 * The same for proxywrite: each "proxy:type:name" in list, the value of proxy_write_maps,
 * opened to be changed in place.
 */
void approved_open_for_change(const char *list);

/* The open table "type:name" that may be changed, or NULL when it is not approved. */
struct cache *approved_find_for_change(struct slice spec);
