/* Actions of header and body checks that need nothing but the line. */
#include "route/line_check.h"

#include "base/log.h"
#include "mail/header.h"

static enum line_verdict warn(const struct line_check *check, struct slice text)
{
    check->log(check->context, "warning", text);
    return LINE_KEEP;
}

static enum line_verdict info(const struct line_check *check, struct slice text)
{
    check->log(check->context, "info", text);
    return LINE_KEEP;
}

/* A header action needs text that is a header. */
static bool is_fit(const struct line_check *check, const char *action, struct slice text)
{
    if (!text.len) {
        log_warning("%s action without text in %s map", action, check->map);
        return false;
    }
    if (check->is_body || header_name_length(text))
        return true;
    log_warning("bad %s header text \"%.*s\" in %s map -- need \"headername: headervalue\"",
                action, SLICE_ARG(text), check->map);
    return false;
}

static enum line_verdict prepend(const struct line_check *check, struct slice text)
{
    if (!is_fit(check, "PREPEND", text))
        return LINE_KEEP;
    check->log(check->context, "prepend", text);
    check->prepend(check->context, text);
    return LINE_KEEP;
}

static enum line_verdict replace(const struct line_check *check, struct slice text)
{
    if (!is_fit(check, "REPLACE", text))
        return LINE_KEEP;
    check->log(check->context, "replace", text);
    buf_set(check->line, text);
    return LINE_KEEP;
}

static enum line_verdict ignore(const struct line_check *check, struct slice text)
{
    (void)check, (void)text;
    return LINE_DROP;
}

static enum line_verdict strip(const struct line_check *check, struct slice text)
{
    check->log(check->context, "strip", text);
    return LINE_DROP;
}

static enum line_verdict dunno(const struct line_check *check, struct slice text)
{
    (void)check, (void)text;
    return LINE_KEEP;
}

struct slice line_check_word(struct slice result, struct slice *text)
{
    struct slice word = slice_sub(result, 0, slice_find_any(result, " \t"));

    *text = slice_trim(slice_from_offset(result, word.len));
    return word;
}

enum line_verdict line_check_act(const struct line_check *check, struct slice result)
{
    static const struct {
        const char *name;
        enum line_verdict (*act)(const struct line_check *check, struct slice text);
    } actions[] = {
        {"DUNNO", dunno},     {"IGNORE", ignore},   {"INFO", info},   {"OK", dunno},
        {"PREPEND", prepend}, {"REPLACE", replace}, {"STRIP", strip}, {"WARN", warn},
    };
    struct slice text, word = line_check_word(result, &text);

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        if (slice_equals_nocase(word, actions[i].name))
            return actions[i].act(check, text);
    }
    return LINE_UNKNOWN;
}
