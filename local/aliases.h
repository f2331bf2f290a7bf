/*
 * alias_maps: what a local name stands for, and who owns the file that says so.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"
#include "delivery/user.h"
#include "table/table.h"

/* Open the tables; before the jail. Trouble is logged and shows again at each look-up. */
void aliases_open(void);

struct alias {
    struct slice value; /* in the arena */
    struct user owner;  /* of the table's file */
    bool has_owner;     /* and it is not root */
};

/* The first table that has the name (any case). */
MUST_USE MAY_WAIT enum table_result aliases_find(struct slice name, struct arena *arena,
                                                 struct alias *alias, struct error *error);
/* The same of a list's owner, "owner-NAME"; trouble is told in other words, as in Postfix. */
MUST_USE MAY_WAIT enum table_result aliases_find_owner(struct slice name, struct arena *arena,
                                                       struct alias *alias,
                                                       struct error *error);
