/*
 * The right-hand side of regexp and pcre rules.
 */
#pragma once

#include <stdbool.h>

#include "table/pattern_syntax.h"

/*
 * Split the text at its $ references into rule->pieces, and set rule->n_groups. False after a
 * warning.
 */
bool pattern_replacement_parse(const struct pattern_reader *reader, struct slice text,
                               struct pattern_rule *rule);
