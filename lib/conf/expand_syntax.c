/*
 * Parser for one $name or ${...}.
 */
#include "conf/expand_syntax.h"

#include "conf/words.h"

#define SPACE " \t\r\n\f\v"

static bool is_name_byte(char c)
{
    return ascii_is_alnum(c) || c == '_';
}

static size_t name_length(struct slice text)
{
    size_t n = 0;

    while (n < text.len && is_name_byte(text.ptr[n]))
        n++;
    return n;
}

static struct slice skip_space(struct slice text)
{
    return slice_from_offset(text, slice_skip_any(text, SPACE));
}

/* "...what came before>>>what is wrong" */
static int syntax_error(struct error *error, const char *expected, struct slice whole,
                        struct slice rest)
{
    struct slice before = slice_sub(whole, 0, whole.len - rest.len);

    return error_set(error, ERROR_PERMANENT, "%s at: \"...%.*s>>>%.*s\"", expected,
                     SLICE_ARG(before), SLICE_ARG(rest));
}

/* "{ payload}": white space after the "{" is dropped, that before the "}" counts. */
static bool take_payload(struct slice *rest, struct slice *payload)
{
    size_t length = words_brace_length(*rest);

    if (length == 0)
        return false;
    *payload = skip_space(slice_sub(*rest, 1, length - 2));
    *rest = skip_space(slice_from_offset(*rest, length));
    return true;
}

static const struct {
    const char *text;
    enum relation relation;
} relations[] = {
    {"==", RELATION_EQUAL}, {"!=", RELATION_NOT_EQUAL},     {"<=", RELATION_LESS_EQUAL},
    {"<", RELATION_LESS},   {">=", RELATION_GREATER_EQUAL}, {">", RELATION_GREATER},
};

static bool take_relation(struct slice *rest, struct expression *expression)
{
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        struct slice text = slice_from(relations[i].text);

        if (!slice_starts_with(*rest, text.ptr))
            continue;
        expression->relation = relations[i].relation;
        *rest = slice_from_offset(*rest, text.len);
        if (slice_starts_with(*rest, "level")) {
            expression->by_level = true;
            *rest = slice_from_offset(*rest, 5);
        }
        *rest = skip_space(*rest);
        return true;
    }
    return false;
}

/* "{left} relation {right}" */
static int parse_compare(struct expression *expression, struct slice whole, struct slice *rest,
                         struct error *error)
{
    expression->kind = EXPRESSION_COMPARE;
    if (!take_payload(rest, &expression->left))
        return syntax_error(error, "missing \"}\"", whole, *rest);
    if (!take_relation(rest, expression))
        return syntax_error(error,
                            "\"==\" or \"!=\" or \"<\" or \"<=\" or \">=\" or \">\" expected",
                            whole, *rest);
    if (!take_payload(rest, &expression->right))
        return syntax_error(error, "\"{expression}\" expected", whole, *rest);
    return 0;
}

static int parse_name(struct expression *expression, struct slice whole, struct slice *rest,
                      struct error *error)
{
    size_t length = name_length(*rest);

    expression->kind = EXPRESSION_NAME;
    expression->name = slice_sub(*rest, 0, length);
    if (length == 0 && rest->len > 0)
        return syntax_error(error, "attribute name syntax error", whole, *rest);
    if (length == 0)
        return error_set(error, ERROR_PERMANENT, "empty macro name: \"${%.*s}\"",
                         SLICE_ARG(whole));
    *rest = slice_from_offset(*rest, length);
    if (slice_equals(expression->name, "domain_to_ascii") && slice_starts_with(*rest, "{")) {
        expression->kind = EXPRESSION_FUNCTION;
        if (!take_payload(rest, &expression->left))
            return syntax_error(error, "missing \"}\"", whole, *rest);
    }
    *rest = skip_space(*rest);
    return 0;
}

/* What follows "?": "{a}", "{a} : {b}", or text up to the end. */
static int parse_true_branch(struct expression *expression, struct slice whole,
                             struct slice rest, struct error *error)
{
    struct slice after = skip_space(rest);

    if (!take_payload(&after, &expression->if_true)) {
        expression->if_true = rest;
        return 0;
    }
    if (after.len == 0)
        return 0;
    if (after.ptr[0] != ':')
        return syntax_error(error, "\":\" expected", whole, after);
    rest = slice_from_offset(after, 1);
    after = skip_space(rest);
    if (!take_payload(&after, &expression->if_false)) {
        expression->if_false = rest;
        return 0;
    }
    return after.len == 0 ? 0 : syntax_error(error, "end of expression expected", whole, after);
}

static int parse_test(struct expression *expression, struct slice whole, struct slice rest,
                      struct error *error)
{
    struct slice after;

    if (rest.len == 0) {
        if (expression->kind == EXPRESSION_COMPARE)
            expression->if_true = SLICE("true");
        return 0;
    }
    if (expression->kind == EXPRESSION_FUNCTION)
        return syntax_error(error, "end of expression expected", whole, rest);
    expression->has_test = true;
    if (rest.ptr[0] == '?')
        return parse_true_branch(expression, whole, slice_from_offset(rest, 1), error);
    if (rest.ptr[0] != ':')
        return syntax_error(error, "attribute name syntax error", whole, rest);
    expression->if_false = slice_from_offset(rest, 1);
    after = skip_space(expression->if_false);
    if (take_payload(&after, &expression->if_false) && after.len > 0)
        return syntax_error(error, "end of expression expected", whole, after);
    return 0;
}

/* Length of the "(...)" at the start of text, 0 when it is not closed. */
static size_t parenthesis_length(struct slice text)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '(')
            depth++;
        else if (text.ptr[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

int expression_parse(struct expression *expression, struct slice text, size_t dollar,
                     struct error *error)
{
    struct slice macro = slice_from_offset(text, dollar + 1);
    struct slice whole, rest;
    int result;

    *expression = (struct expression){.if_true = SLICE_EMPTY, .if_false = SLICE_EMPTY};
    if (!slice_starts_with(macro, "{") && !slice_starts_with(macro, "(")) {
        expression->kind = EXPRESSION_NAME;
        expression->length = name_length(macro);
        expression->name = slice_sub(macro, 0, expression->length);
        if (expression->length == 0)
            return error_set(error, ERROR_PERMANENT,
                             "empty macro name: \"%.*s\" (\"$$\" stands for one \"$\")",
                             SLICE_ARG(text));
        return 0;
    }
    expression->length =
        macro.ptr[0] == '{' ? words_brace_length(macro) : parenthesis_length(macro);
    if (expression->length == 0)
        return error_set(error, ERROR_PERMANENT, "truncated macro reference: \"%.*s\"",
                         SLICE_ARG(text));
    whole = slice_sub(macro, 1, expression->length - 2);
    rest = skip_space(whole);
    result = slice_starts_with(rest, "{") ? parse_compare(expression, whole, &rest, error)
                                          : parse_name(expression, whole, &rest, error);
    return result < 0 ? -1 : parse_test(expression, whole, rest, error);
}

bool relation_holds(enum relation relation, int order)
{
    switch (relation) {
    case RELATION_EQUAL:
        return order == 0;
    case RELATION_NOT_EQUAL:
        return order != 0;
    case RELATION_LESS:
        return order < 0;
    case RELATION_LESS_EQUAL:
        return order <= 0;
    case RELATION_GREATER:
        return order > 0;
    case RELATION_GREATER_EQUAL:
        return order >= 0;
    }
    return false;
}
