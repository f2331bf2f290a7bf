/*
 * Which settings the tables in databases have, and where such tables are named.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"

struct table_type; /* one that has settings, such as "mysql" */

const char *table_type_name(const struct table_type *type);
bool table_type_has(const struct table_type *type, struct slice setting);
/* The setting with that number, from 0 on; NULL behind the last. */
const char *table_type_setting(const struct table_type *type, size_t number);

/* Call visit for each "type:name" in a parameter's value, also in braces and behind "proxy:".
 */
void tables_mentioned(struct slice value,
                      void (*visit)(void *context, const struct table_type *type,
                                    struct slice name),
                      void *context);
