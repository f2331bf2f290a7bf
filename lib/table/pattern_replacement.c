/*
 * $1, ${1}, $(1) and $$ in the answers of regexp and pcre tables.
 */
#include "table/pattern_replacement.h"

#include "base/log.h"

struct splitter {
    const struct pattern_reader *reader;
    struct slice whole, rest;
    struct pattern_piece **end;
    size_t n_groups;
};

static void add_piece(struct splitter *splitter, struct slice text, size_t group)
{
    struct arena *arena = splitter->reader->arena;
    struct pattern_piece *piece;

    if (group == 0 && text.len == 0)
        return;
    piece = arena_new(arena, struct pattern_piece);
    piece->text = arena_slice(arena, text);
    piece->group = group;
    *splitter->end = piece;
    splitter->end = &piece->next;
}

/* The name between braces, or the letters and digits behind the $. False after a warning. */
static bool take_name(struct splitter *splitter, struct slice *name)
{
    struct slice rest = splitter->rest;
    char opening = rest.len ? rest.ptr[0] : '\0';
    size_t len = 0;

    if (opening == '{' || opening == '(') {
        rest = slice_from_offset(rest, 1);
        len = slice_find(rest, opening == '{' ? '}' : ')');
        if (len == rest.len) {
            log_warning("truncated macro reference: \"%.*s\"", SLICE_ARG(splitter->whole));
            return false;
        }
        *name = slice_sub(rest, 0, len++);
    } else {
        while (len < rest.len && (ascii_is_alnum(rest.ptr[len]) || rest.ptr[len] == '_'))
            len++;
        *name = slice_sub(rest, 0, len);
    }
    if (name->len == 0) {
        log_warning("empty macro name: \"%.*s\"", SLICE_ARG(splitter->whole));
        return false;
    }
    splitter->rest = slice_from_offset(rest, len);
    return true;
}

static bool take_group(struct splitter *splitter, uint64_t *group)
{
    const struct pattern_engine *engine = splitter->reader->engine;
    const struct table_source *source = splitter->reader->source;
    struct slice name;

    if (!take_name(splitter, &name))
        return false;
    if (!slice_to_uint(name, 10, UINT32_MAX, group)) {
        rule_warn(engine->type, source, "non-numeric replacement index \"%.*s\"",
                  SLICE_ARG(name));
        return false;
    }
    if (*group == 0) {
        rule_warn(engine->type, source, "%s replacement index \"%.*s\"", engine->out_of_range,
                  SLICE_ARG(name));
        return false;
    }
    return true;
}

static bool split(struct splitter *splitter)
{
    uint64_t group;

    while (splitter->rest.len) {
        struct slice text = slice_sub(splitter->rest, 0, slice_find(splitter->rest, '$'));

        add_piece(splitter, text, 0);
        splitter->rest = slice_from_offset(splitter->rest, text.len);
        if (splitter->rest.len == 0)
            break;
        splitter->rest = slice_from_offset(splitter->rest, 1);
        if (slice_starts_with(splitter->rest, "$")) {
            add_piece(splitter, SLICE("$"), 0);
            splitter->rest = slice_from_offset(splitter->rest, 1);
            continue;
        }
        if (!take_group(splitter, &group))
            return false;
        add_piece(splitter, SLICE_EMPTY, group);
        if (group > splitter->n_groups)
            splitter->n_groups = group;
    }
    return true;
}

bool pattern_replacement_parse(const struct pattern_reader *reader, struct slice text,
                               struct pattern_rule *rule)
{
    struct splitter splitter = {
        .reader = reader,
        .whole = text,
        .rest = text,
        .end = &rule->pieces,
    };
    const char *type = reader->engine->type;

    if (!split(&splitter)) {
        rule_warn(type, reader->source, "bad replacement syntax: skipping this rule");
        return false;
    }
    if (splitter.n_groups && rule->rule.is_negated) {
        rule_warn(type, reader->source,
                  "$number found in negative match replacement text: skipping this rule");
        return false;
    }
    if (splitter.n_groups && (reader->options->sensitive || reader->options->no_substitution)) {
        rule_warn(type, reader->source,
                  "regular expression substitution is not allowed: skipping this rule");
        return false;
    }
    rule->n_groups = splitter.n_groups;
    return true;
}
