/*
 * regexp:/path: POSIX regular expressions, those of the system's library.
 */
#include <regex.h>

#include "base/mem.h"
#include "table/drivers.h"
#include "table/pattern.h"

#define FEW_MATCHES 10

static bool parse_flags(struct slice flags, uint32_t *bits, const struct table_source *source)
{
    for (size_t i = 0; i < flags.len; i++) {
        switch (flags.ptr[i]) {
        case 'i':
            *bits ^= REG_ICASE;
            break;
        case 'm':
            *bits ^= REG_NEWLINE;
            break;
        case 'x':
            *bits ^= REG_EXTENDED;
            break;
        default:
            rule_warn("regexp", source, "unknown regexp option \"%c\": skipping this rule",
                      flags.ptr[i]);
            return false;
        }
    }
    return true;
}

static void *regexp_compile(const char *pattern, uint32_t bits, const struct pattern_use *use,
                            size_t *n_groups, const struct table_source *source)
{
    regex_t *expression = mem_new(regex_t);
    int result =
        regcomp(expression, pattern, (int)(bits | (use->needs_groups ? 0 : REG_NOSUB)));

    if (result != 0) {
        char text[128];

        regerror(result, expression, text, sizeof(text));
        rule_warn("regexp", source, "%s", text);
        mem_free(expression);
        return NULL;
    }
    *n_groups = expression->re_nsub;
    return expression;
}

static void regexp_release(void *compiled)
{
    regfree(compiled);
    mem_free(compiled);
}

static int execute(const regex_t *expression, struct slice key, struct pattern_span *spans,
                   size_t n_spans)
{
    regmatch_t few[FEW_MATCHES];
    regmatch_t *matches = n_spans > FEW_MATCHES ? mem_array(regmatch_t, n_spans) : few;
    int result;

    /* The key need not end in a NUL. */
    matches[0] = (regmatch_t){.rm_so = 0, .rm_eo = (regoff_t)key.len};
    result = regexec(expression, key.ptr, n_spans, matches, REG_STARTEND);
    if (result == 0 && n_spans > 1) {
        for (size_t i = 0; i < n_spans; i++)
            spans[i] = (struct pattern_span){matches[i].rm_so, matches[i].rm_eo};
    }
    if (matches != few)
        mem_free(matches);
    return result;
}

static enum pattern_match regexp_match(void *compiled, struct slice key,
                                       struct pattern_span *spans, size_t n_spans, char *text,
                                       size_t text_bytes)
{
    int result = execute(compiled, key, spans, n_spans);

    if (result == 0)
        return PATTERN_MATCH;
    if (result == REG_NOMATCH)
        return PATTERN_NO_MATCH;
    regerror(result, compiled, text, text_bytes);
    return PATTERN_TROUBLE;
}

static const struct pattern_engine engine = {
    .type = "regexp",
    .out_of_range = "out-of-range",
    .unclosed_outcome = "skipping this rule",
    .default_flags = REG_EXTENDED | REG_ICASE,
    .parse_flags = parse_flags,
    .compile = regexp_compile,
    .match = regexp_match,
    .release = regexp_release,
};

static struct table *regexp_open(const char *name, const struct table_options *options,
                                 struct error *error)
{
    return pattern_table_open(&engine, name, options, error);
}

const struct table_driver table_regexp = {
    .type = "regexp",
    .is_pattern = true,
    .open = regexp_open,
    .lookup = pattern_table_lookup,
    .close = pattern_table_close,
    .has_changed = pattern_table_has_changed,
};
