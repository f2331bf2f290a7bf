/*
 * pcre:/path: Perl-compatible regular expressions, through PCRE2.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "base/mem.h"
#include "conf/params.h"
#include "table/drivers.h"
#include "table/pattern.h"

struct pcre {
    pcre2_code *code;
    pcre2_match_data *match;
};

static bool toggle(uint32_t *bits, char flag)
{
    switch (flag) {
    case 'i':
        *bits ^= PCRE2_CASELESS;
        return true;
    case 'm':
        *bits ^= PCRE2_MULTILINE;
        return true;
    case 's':
        *bits ^= PCRE2_DOTALL;
        return true;
    case 'x':
        *bits ^= PCRE2_EXTENDED;
        return true;
    case 'A':
        *bits ^= PCRE2_ANCHORED;
        return true;
    case 'E':
        *bits ^= PCRE2_DOLLAR_ENDONLY;
        return true;
    case 'U':
        *bits ^= PCRE2_UNGREEDY;
        return true;
    default:
        return false;
    }
}

static bool parse_flags(struct slice flags, uint32_t *bits, const struct table_source *source)
{
    for (size_t i = 0; i < flags.len; i++) {
        char flag = flags.ptr[i];

        if (flag == 'X') {
            rule_warn("pcre", source, "ignoring obsolete regexp option \"X\"");
        } else if (!toggle(bits, flag)) {
            rule_warn("pcre", source, "unknown regexp option \"%c\": skipping this rule", flag);
            return false;
        }
    }
    return true;
}

static void pcre_release(void *compiled)
{
    struct pcre *pcre = compiled;

    pcre2_match_data_free(pcre->match);
    pcre2_code_free(pcre->code);
    mem_free(pcre);
}

static void *pcre_compile(const char *pattern, uint32_t bits, const struct pattern_use *use,
                          size_t *n_groups, const struct table_source *source)
{
    uint32_t captures = 0;
    PCRE2_SIZE offset;
    struct pcre *pcre;
    int result;

    if (params.smtputf8_enable && !use->is_binary)
        bits |= PCRE2_UTF;
    pcre = mem_new(struct pcre);
    pcre->code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, bits, &result, &offset, NULL);
    if (!pcre->code) {
        char text[128] = "";

        pcre2_get_error_message(result, (PCRE2_UCHAR *)text, sizeof(text));
        rule_warn("pcre", source, "error in regex at offset %zu: %s", offset, text);
        pcre_release(pcre);
        return NULL;
    }
    /* Where the system lets us make code; if not, matching is slower. */
    (void)pcre2_jit_compile(pcre->code, PCRE2_JIT_COMPLETE);
    pcre2_pattern_info(pcre->code, PCRE2_INFO_CAPTURECOUNT, &captures);
    *n_groups = captures;
    pcre->match = pcre2_match_data_create(use->needs_groups ? captures + 1 : 1, NULL);
    return pcre;
}

static enum pattern_match pcre_match(void *compiled, struct slice key,
                                     struct pattern_span *spans, size_t n_spans, char *text,
                                     size_t text_bytes)
{
    const struct pcre *pcre = compiled;
    int result = pcre2_match(pcre->code, (PCRE2_SPTR)key.ptr, key.len, 0, 0, pcre->match, NULL);
    const PCRE2_SIZE *pairs;

    if (result == PCRE2_ERROR_NOMATCH)
        return PATTERN_NO_MATCH;
    if (result < 0) {
        pcre2_get_error_message(result, (PCRE2_UCHAR *)text, text_bytes);
        return PATTERN_TROUBLE;
    }
    pairs = pcre2_get_ovector_pointer(pcre->match);
    for (size_t i = 0; n_spans > 1 && i < n_spans; i++) {
        bool is_set = i < (size_t)result && pairs[2 * i] != PCRE2_UNSET;

        spans[i].start = is_set ? (ssize_t)pairs[2 * i] : -1;
        spans[i].end = is_set ? (ssize_t)pairs[2 * i + 1] : -1;
    }
    return PATTERN_MATCH;
}

static const struct pattern_engine engine = {
    .type = "pcre",
    .out_of_range = "out of range",
    .unclosed_outcome = "ignoring this rule",
    .default_flags = PCRE2_CASELESS | PCRE2_DOTALL,
    .parse_flags = parse_flags,
    .compile = pcre_compile,
    .match = pcre_match,
    .release = pcre_release,
};

static struct table *pcre_open(const char *name, const struct table_options *options,
                               struct error *error)
{
    return pattern_table_open(&engine, name, options, error);
}

const struct table_driver table_pcre = {
    .type = "pcre",
    .is_pattern = true,
    .open = pcre_open,
    .lookup = pattern_table_lookup,
    .close = pattern_table_close,
    .has_changed = pattern_table_has_changed,
};
