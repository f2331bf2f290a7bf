/*
 * "service/type/field" as -M, -F and -P take it, with "*" for anything.
 */
#pragma once

#include <stdbool.h>

#include "base/compiler.h"
#include "base/slice.h"
#include "conf/master_cf.h"

struct master_pattern {
    struct slice service, type, rest; /* missing parts are "*" */
    int n_parts;
};

/* Split at "/"; false when there are more than max_parts. The last part may hold "/" itself. */
bool master_pattern_parse(struct master_pattern *pattern, struct slice text, int max_parts);

bool master_pattern_matches(const struct master_pattern *pattern,
                            const struct master_service *service);

/* The names of the columns, "service" to "process_limit". */
extern const char *const master_field_names[MASTER_FIELDS];
