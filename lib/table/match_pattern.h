/*
 * The patterns of a match list, taken apart once.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "net/endpoint.h"
#include "table/match_list.h"
#include "table/table.h"

struct match_pattern {
    struct match_pattern *next;
    bool is_negated;
    struct table *table; /* "type:name" and files that cannot be read; else NULL and: */
    bool is_own_table;   /* not shared with others */
    struct slice text;   /* folded */
    bool is_network;     /* could be an address or a network of these: */
    bool is_ipv6;
    struct network network;
    const char *trouble; /* why it is not a good network after all; NULL: it is */
};

struct match_list {
    char *title;
    enum match_parents parents;
    struct match_pattern *first;
    struct arena arena; /* the patterns and their texts */
};

/*
 * Parse the text with the files it names, and open its tables. *first gets the first thing that
 * is wrong; look-ups report each.
 */
void match_patterns_parse(struct match_list *list, struct slice text, struct error *first);
