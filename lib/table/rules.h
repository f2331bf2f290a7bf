/*
 * Ordered tables (regexp, pcre, cidr): a list of rules, tried from top to bottom, with IF and
 * ENDIF around some of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "table/source.h"

enum rule_kind { RULE_PATTERN, RULE_IF, RULE_ENDIF };

/* A driver's rule embeds this as its first member. */
struct rule {
    struct rule *next;
    enum rule_kind kind;
    bool is_negated;
    int line;
    struct rule *endif; /* RULE_IF: where to go on when it does not hold; NULL: nowhere */
};

/* How rules are added: keeps the IFs that wait for their ENDIF. */
struct rule_list {
    struct rule *first, **end;
    struct rule *open_if; /* the innermost; its `endif` links to the one around it meanwhile */
};

void rule_list_init(struct rule_list *list);
void rule_list_add(struct rule_list *list, struct rule *rule);
/* Is the next rule between IF and ENDIF? */
bool rule_list_in_if(const struct rule_list *list);
/* Warn about IFs that were left open: "cidr map FILE, line N: IF has no matching ENDIF". */
void rule_list_finish(struct rule_list *list, const char *type,
                      const struct table_source *source);

/* "if" or "endif" as the first word, in any case. */
bool rule_is_word(struct slice line, const char *word);

/* The warning about a line: "<type> map <file>, line <n>: <text>". */
void rule_warn(const char *type, const struct table_source *source, const char *format, ...)
    PRINTF_LIKE(3, 4);
