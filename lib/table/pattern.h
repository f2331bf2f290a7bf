/*
 * Tables of regular expressions: what regexp and pcre have in common. A line is
 *
 *     [!]/pattern/flags  text with $1 ${2} $(3) and $$
 *     if [!]/pattern/flags
 *     endif
 *
 * A line that is wrong is passed over with a warning that names file and line.
 */
#pragma once

#include "base/arena.h"
#include "table/rules.h"
#include "table/table.h"

/* A piece of the answer: literal text, or what a group of parentheses matched. */
struct pattern_piece {
    struct pattern_piece *next;
    struct slice text;
    size_t group; /* 0: text */
};

struct pattern_rule {
    struct rule rule;
    void *compiled; /* the engine's */
    struct pattern_piece *pieces;
    size_t n_groups; /* highest group that pieces want; 0: no substitution */
};

/* One match: where group i starts and ends in the key; -1 when it took no part. */
struct pattern_span {
    ssize_t start, end;
};

enum pattern_match { PATTERN_MATCH, PATTERN_NO_MATCH, PATTERN_TROUBLE };

struct pattern_use {
    bool needs_groups; /* somebody will ask where they matched */
    bool is_binary;    /* the keys are raw bytes */
};

struct pattern_engine {
    const char *type;
    const char *out_of_range;     /* warning about $0 */
    const char *unclosed_outcome; /* "skipping this rule" */
    uint32_t default_flags;
    /* Apply the flags (letters up to white space) to *bits. False after rule_warn. */
    bool (*parse_flags)(struct slice flags, uint32_t *bits, const struct table_source *source);
    /*
     * Compile a NUL-terminated pattern. NULL after a warning through rule_warn. *n_groups is
     * the number of groups in it.
     */
    void *(*compile)(const char *pattern, uint32_t bits, const struct pattern_use *use,
                     size_t *n_groups, const struct table_source *source);
    /* spans has room for n_spans; what the pattern has less of is set to -1. On trouble the
     * reason is in text. */
    enum pattern_match (*match)(void *compiled, struct slice key, struct pattern_span *spans,
                                size_t n_spans, char *text, size_t text_bytes);
    void (*release)(void *compiled);
};

struct table *pattern_table_open(const struct pattern_engine *engine, const char *name,
                                 const struct table_options *options, struct error *error);
enum table_result pattern_table_lookup(struct table *table, struct slice key, struct buf *value,
                                       struct error *error);
bool pattern_table_has_changed(struct table *table);
void pattern_table_close(struct table *table);
