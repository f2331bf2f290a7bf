/*
 * What maps.c and maps_address.c share.
 */
#pragma once

#include "table/maps.h"

struct maps {
    char *title;
    struct table **tables; /* not owned: table/shared.h */
    size_t n_tables;
};

enum maps_key {
    MAPS_KEY_WHOLE,
    MAPS_KEY_PARTIAL, /* patterns are not asked */
};

/* next_key is the next one that the caller will ask for, if it knows; else empty. */
MUST_USE MAY_WAIT enum table_result maps_find_in(struct maps *maps, enum maps_key key_kind,
                                                 struct slice key, struct slice next_key,
                                                 struct buf *value, struct error *error);
