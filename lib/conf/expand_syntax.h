/*
 * The syntax of one ${...}: takes it apart, evaluates nothing. Used by expand.c, and by whoever
 * wants to know which names a value mentions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum expression_kind {
    EXPRESSION_NAME,     /* $name, ${name}, ${name?...}, ${name:...} */
    EXPRESSION_COMPARE,  /* ${{left} relation {right} ...} */
    EXPRESSION_FUNCTION, /* ${domain_to_ascii{left}} */
};

enum relation {
    RELATION_EQUAL,
    RELATION_NOT_EQUAL,
    RELATION_LESS,
    RELATION_LESS_EQUAL,
    RELATION_GREATER,
    RELATION_GREATER_EQUAL,
};

struct expression {
    enum expression_kind kind;
    struct slice name;
    struct slice left, right; /* operands, not expanded */
    enum relation relation;
    bool by_level;                  /* "<=level" instead of "<=" */
    bool has_test;                  /* there is a "?" or ":" part */
    struct slice if_true, if_false; /* "true" and empty for a comparison without a test */
    size_t length;                  /* bytes after the "$" that belong to it */
};

/*
 * Parse the expression whose "$" stands at text[dollar]; "$$" is not one. The slices point into
 * the text. Errors quote the text around the bad place.
 */
MUST_USE int expression_parse(struct expression *expression, struct slice text, size_t dollar,
                              struct error *error);

/* True when "left relation right" holds, given that left compares to right as order. */
bool relation_holds(enum relation relation, int order);
