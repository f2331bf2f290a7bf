/*
 * Looking up in tables of regular expressions.
 */
#include "table/pattern.h"

#include "base/log.h"
#include "base/mem.h"
#include "table/pattern_syntax.h"

/* Groups that fit on the stack; an answer with more of them is rare. */
#define FEW_SPANS 10

struct pattern_table {
    struct table table;
    const struct pattern_engine *engine;
    struct arena arena; /* rules and their texts */
    struct rule *first;
    struct file_watch watch;
};

static struct pattern_table *pattern_of(struct table *table)
{
    return CONTAINER_OF(table, struct pattern_table, table);
}

static struct pattern_rule *pattern_rule(struct rule *rule)
{
    return CONTAINER_OF(rule, struct pattern_rule, rule);
}

struct table *pattern_table_open(const struct pattern_engine *engine, const char *name,
                                 const struct table_options *options, struct error *error)
{
    CLEANUP(table_source_release) struct table_source source;
    struct pattern_table *pattern;
    struct slice line;

    if (table_source_open_rules(&source, engine->type, name, error) < 0)
        return NULL;
    pattern = mem_new(struct pattern_table);
    pattern->engine = engine;

    struct pattern_reader reader = {engine, options, &source, &pattern->arena, {0}};
    rule_list_init(&reader.list);
    while (table_source_next(&source, &line))
        pattern_read_line(&reader, line);
    rule_list_finish(&reader.list, engine->type, &source);
    pattern->first = reader.list.first;
    pattern->watch = source.watch;
    source.watch = FILE_WATCH_INIT;
    return &pattern->table;
}

void pattern_table_close(struct table *table)
{
    struct pattern_table *pattern = pattern_of(table);

    for (struct rule *rule = pattern->first; rule; rule = rule->next) {
        if (rule->kind != RULE_ENDIF)
            pattern->engine->release(pattern_rule(rule)->compiled);
    }
    arena_release(&pattern->arena);
    file_watch_close(&pattern->watch);
    mem_free(pattern);
}

bool pattern_table_has_changed(struct table *table)
{
    return file_watch_changed(&pattern_of(table)->watch);
}

static void build_answer(const struct pattern_rule *rule, struct slice key,
                         const struct pattern_span *spans, struct buf *value)
{
    buf_reset(value);
    for (const struct pattern_piece *piece = rule->pieces; piece; piece = piece->next) {
        const struct pattern_span *span = &spans[piece->group];

        if (piece->group == 0)
            buf_add_slice(value, piece->text);
        else if (span->start >= 0)
            buf_add(value, key.ptr + span->start, (size_t)(span->end - span->start));
    }
}

/* Does the rule hold for the key? Trouble is logged and then means no, as with Postfix. */
static bool rule_holds(const struct pattern_table *pattern, const struct pattern_rule *rule,
                       struct slice key, struct pattern_span *spans)
{
    char text[128] = "";
    enum pattern_match match = pattern->engine->match(rule->compiled, key, spans,
                                                      rule->n_groups + 1, text, sizeof(text));

    if (match == PATTERN_TROUBLE) {
        log_warning("%s, line %d: %s", pattern->table.spec, rule->rule.line, text);
        return false;
    }
    return (match == PATTERN_MATCH) != rule->rule.is_negated;
}

/* True when it holds; a rule with an answer then has put it into *value. */
static bool rule_answers(const struct pattern_table *pattern, const struct pattern_rule *rule,
                         struct slice key, struct buf *value)
{
    struct pattern_span few[FEW_SPANS];
    struct pattern_span *spans = few;
    bool holds;

    if (rule->n_groups >= FEW_SPANS)
        spans = mem_array(struct pattern_span, rule->n_groups + 1);
    holds = rule_holds(pattern, rule, key, spans);
    if (holds && rule->rule.kind == RULE_PATTERN)
        build_answer(rule, key, spans, value);
    if (spans != few)
        mem_free(spans);
    return holds;
}

enum table_result pattern_table_lookup(struct table *table, struct slice key, struct buf *value,
                                       struct error *error)
{
    const struct pattern_table *pattern = pattern_of(table);
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    (void)error;
    buf_set(&text, key); /* C libraries like a NUL behind it */
    key = buf_slice(&text);
    for (struct rule *rule = pattern->first; rule; rule = rule->next) {
        if (rule->kind == RULE_ENDIF)
            continue;
        if (rule_answers(pattern, pattern_rule(rule), key, value)) {
            if (rule->kind == RULE_PATTERN)
                return TABLE_FOUND;
        } else if (rule->kind == RULE_IF && !(rule = rule->endif)) {
            break;
        }
    }
    return TABLE_NOT_FOUND;
}
