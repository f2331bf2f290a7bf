/*
 * The lines of regexp and pcre tables.
 */
#pragma once

#include "table/pattern.h"

/* What is needed to read one table. */
struct pattern_reader {
    const struct pattern_engine *engine;
    const struct table_options *options;
    struct table_source *source;
    struct arena *arena; /* gets the rules */
    struct rule_list list;
};

/* Parse the line and add its rule, or warn and leave it out. */
void pattern_read_line(struct pattern_reader *reader, struct slice line);
