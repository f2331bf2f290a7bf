/*
 * Parsing rules of regexp and pcre tables.
 */
#include "table/pattern_syntax.h"

#include "base/mem.h"
#include "table/entry.h"
#include "table/pattern_replacement.h"

#define SPACE " \t\r\n\f\v"

/* "!/pattern/flags" */
struct expression {
    bool is_negated;
    struct slice pattern;
    uint32_t flags;
};

static struct slice skip_space(struct slice text)
{
    return slice_from_offset(text, slice_skip_any(text, SPACE));
}

/* Offset of the delimiter that ends the pattern, or text.len. */
static size_t find_delimiter(struct slice text, char delimiter)
{
    size_t i = 0;

    while (i < text.len && text.ptr[i] != delimiter)
        i += text.ptr[i] == '\\' ? 2 : 1;
    return i < text.len ? i : text.len;
}

/* Cut the expression off *line. False after a warning. */
static bool take_expression(const struct pattern_reader *reader, struct slice *line,
                            struct expression *expression)
{
    const struct pattern_engine *engine = reader->engine;
    struct slice text = skip_space(*line), flags;
    char delimiter;
    size_t end;

    expression->is_negated = false;
    while (slice_starts_with(text, "!")) {
        expression->is_negated = !expression->is_negated;
        text = skip_space(slice_from_offset(text, 1));
    }
    if (text.len == 0) {
        rule_warn(engine->type, reader->source, "no regexp: skipping this rule");
        return false;
    }
    delimiter = text.ptr[0];
    text = slice_from_offset(text, 1);
    end = find_delimiter(text, delimiter);
    if (end == text.len) {
        rule_warn(engine->type, reader->source, "no closing regexp delimiter \"%c\": %s",
                  delimiter, engine->unclosed_outcome);
        return false;
    }
    expression->pattern = slice_sub(text, 0, end);
    text = slice_from_offset(text, end + 1);
    flags = slice_sub(text, 0, slice_find_any(text, SPACE));
    *line = skip_space(slice_from_offset(text, flags.len));
    expression->flags = engine->default_flags;
    return engine->parse_flags(flags, &expression->flags, reader->source);
}

static bool compile(const struct pattern_reader *reader, const struct expression *expression,
                    struct pattern_rule *rule)
{
    const struct pattern_engine *engine = reader->engine;
    CLEANUP(mem_free_text) char *pattern = slice_dup(expression->pattern);
    struct pattern_use use = {rule->n_groups > 0, reader->options->binary_keys};
    size_t n_groups;

    rule->compiled =
        engine->compile(pattern, expression->flags, &use, &n_groups, reader->source);
    if (!rule->compiled)
        return false;
    if (rule->n_groups > n_groups) {
        rule_warn(engine->type, reader->source,
                  "out of range replacement index \"%zu\": skipping this rule", rule->n_groups);
        engine->release(rule->compiled);
        return false;
    }
    return true;
}

/* The answer, read from files where the options say so. */
static bool parse_answer(const struct pattern_reader *reader, struct slice text,
                         struct pattern_rule *rule)
{
    CLEANUP(buf_release) struct buf contents = BUF_INIT;
    struct error error;

    if (text.len == 0)
        rule_warn(reader->engine->type, reader->source,
                  "no replacement text: using empty string");
    if (reader->options->values_are_files) {
        if (table_entry_read_files(text, &contents, &error) < 0) {
            rule_warn(reader->engine->type, reader->source, "%s: skipping this rule",
                      error.text);
            return false;
        }
        text = buf_slice(&contents);
    }
    return pattern_replacement_parse(reader, text, rule);
}

static bool parse_pattern_rule(const struct pattern_reader *reader, struct slice line,
                               struct pattern_rule *rule)
{
    struct expression expression;

    if (!take_expression(reader, &line, &expression))
        return false;
    rule->rule.kind = RULE_PATTERN;
    rule->rule.is_negated = expression.is_negated;
    return parse_answer(reader, line, rule) && compile(reader, &expression, rule);
}

static bool parse_if(const struct pattern_reader *reader, struct slice line,
                     struct pattern_rule *rule)
{
    struct expression expression;

    line = slice_from_offset(line, sizeof("IF") - 1);
    if (!take_expression(reader, &line, &expression))
        return false;
    rule->rule.kind = RULE_IF;
    rule->rule.is_negated = expression.is_negated;
    if (line.len) {
        rule_warn(reader->engine->type, reader->source,
                  "ignoring extra text after IF statement: \"%.*s\"", SLICE_ARG(line));
        rule_warn(reader->engine->type, reader->source,
                  "do not prepend whitespace to statements between IF and ENDIF");
    }
    return compile(reader, &expression, rule);
}

static bool parse_endif(const struct pattern_reader *reader, struct slice line,
                        struct pattern_rule *rule)
{
    const char *type = reader->engine->type;

    if (!rule_list_in_if(&reader->list)) {
        rule_warn(type, reader->source, "ignoring ENDIF without matching IF");
        return false;
    }
    rule->rule.kind = RULE_ENDIF;
    if (skip_space(slice_from_offset(line, sizeof("ENDIF") - 1)).len)
        rule_warn(type, reader->source, "ignoring extra text after ENDIF");
    return true;
}

void pattern_read_line(struct pattern_reader *reader, struct slice line)
{
    struct pattern_rule *rule = arena_new(reader->arena, struct pattern_rule);
    bool is_good;

    line = slice_trim(line);
    rule->rule.line = reader->source->line;
    if (rule_is_word(line, "IF")) {
        is_good = parse_if(reader, line, rule);
    } else if (rule_is_word(line, "ENDIF")) {
        is_good = parse_endif(reader, line, rule);
    } else if (line.len && ascii_is_alnum(line.ptr[0])) {
        rule_warn(reader->engine->type, reader->source, "ignoring unrecognized request");
        is_good = false;
    } else {
        is_good = parse_pattern_rule(reader, line, rule);
    }
    if (is_good)
        rule_list_add(&reader->list, &rule->rule);
}
