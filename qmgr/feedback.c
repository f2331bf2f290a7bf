/*
 * Concurrency feedback.
 */
#include "feedback.h"

#include <math.h>

#include "base/slice.h"

/* A number from 0 on with nothing but white space around it. */
static int parse_number(struct slice text, double *number)
{
    char *copy = slice_dup(slice_trim(text));
    char *end;
    int result = -1;

    *number = strtod(copy, &end);
    if (end != copy && *end == '\0' && *number >= 0 && *number <= 1e9) /* no NaN */
        result = 0;
    free(copy);
    return result;
}

static int parse_divisor(struct feedback *feedback, struct slice divisor, struct error *error)
{
    double number;

    if (slice_equals_nocase(divisor, "concurrency")) {
        feedback->kind = FEEDBACK_CONCURRENCY;
    } else if (slice_equals_nocase(divisor, "sqrt_concurrency")) {
        feedback->kind = FEEDBACK_SQRT_CONCURRENCY;
    } else if (parse_number(divisor, &number) == 0 && number > 0) {
        feedback->base /= number;
    } else {
        return error_set(error, ERROR_PERMANENT, "bad divisor \"%.*s\"", SLICE_ARG(divisor));
    }
    return 0;
}

int feedback_parse(struct feedback *feedback, const char *text, struct error *error)
{
    struct feedback parsed = {.kind = FEEDBACK_CONSTANT};
    struct slice rest = slice_from(text);
    struct slice base = slice_split(&rest, '/');

    if (parse_number(base, &parsed.base) < 0)
        return error_set(error, ERROR_PERMANENT, "bad number \"%.*s\"", SLICE_ARG(base));
    if (strchr(text, '/') && parse_divisor(&parsed, slice_trim(rest), error) < 0)
        return -1;
    if (parsed.base > 1)
        return error_set(error, ERROR_PERMANENT, "\"%s\" is not between 0 and 1", text);
    *feedback = parsed;
    return 0;
}

double feedback_amount(const struct feedback *feedback, int concurrency)
{
    switch (feedback->kind) {
    case FEEDBACK_CONCURRENCY:
        return feedback->base / concurrency;
    case FEEDBACK_SQRT_CONCURRENCY:
        return feedback->base / sqrt(concurrency);
    case FEEDBACK_CONSTANT:
        break;
    }
    return feedback->base;
}
