/*
 * From the text of main.cf to the values of struct params.
 */
#include "conf/params.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "conf/main_cf.h"

struct params params;

static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return SECONDS(1);
    case 'm':
        return MINUTES(1);
    case 'h':
        return HOURS(1);
    case 'd':
        return DAYS(1);
    case 'w':
        return DAYS(7);
    default:
        return 0;
    }
}

bool param_parse_time(struct slice text, char default_unit, int64_t *ms)
{
    size_t n_digits = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    char unit = default_unit;
    int64_t number;

    while (n_digits < text.len && ascii_is_digit(text.ptr[n_digits]))
        n_digits++;
    if (n_digits < text.len)
        unit = text.ptr[n_digits];
    if (unit_ms(unit) == 0 ||
        !slice_to_int(slice_sub(text, 0, n_digits), INT32_MIN, INT32_MAX, &number))
        return false;
    *ms = number * unit_ms(unit);
    return true;
}

bool param_parse_bool(struct slice value, bool *result)
{
    bool yes = slice_equals_nocase(value, "yes");

    if (!yes && !slice_equals_nocase(value, "no"))
        return false;
    *result = yes;
    return true;
}

static int out_of_range(const struct param_row *row, struct slice value, bool too_small,
                        struct error *error)
{
    int64_t scale = row->type == PARAM_TYPE_TIME ? SECONDS(1) : 1;
    const char *unit = row->type == PARAM_TYPE_TIME ? "s" : "";

    return error_set(error, ERROR_PERMANENT, "invalid %s parameter value %.*s %c %lld%s",
                     param_name(row), SLICE_ARG(value), too_small ? '<' : '>',
                     (long long)((too_small ? row->min : row->max) / scale), unit);
}

int param_parse_number(const struct param_row *row, struct slice value, char default_unit,
                       int64_t *number, struct error *error)
{
    int64_t max = row->type == PARAM_TYPE_INT ? INT_MAX : INT64_MAX;
    int64_t result;

    if (row->type == PARAM_TYPE_TIME && !param_parse_time(value, default_unit, &result)) {
        return error_set(
            error, ERROR_PERMANENT,
            "bad time value or unit: %s = %.*s (expected a number, then s, m, h, d or "
            "w for seconds to weeks)",
            param_name(row), SLICE_ARG(value));
    }
    if (row->type != PARAM_TYPE_TIME && !slice_to_int(value, -max, max, &result))
        return error_set(error, ERROR_PERMANENT,
                         "bad numerical configuration: %s = %.*s (expected a whole number)",
                         param_name(row), SLICE_ARG(value));
    if (result < row->min || result > row->max)
        return out_of_range(row, value, result < row->min, error);
    *number = result;
    return 0;
}

char param_default_unit(const struct param_row *row, const struct main_cf *main_cf)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;

    if (main_cf_expand(main_cf, param_default(row), &text, NULL) < 0)
        return 's';
    for (size_t i = 0; i < text.len; i++) {
        if (ascii_is_alpha(text.data[i]))
            return text.data[i];
    }
    return 's';
}

struct load {
    const struct main_cf *main_cf;
    struct arena *arena;
    struct params *params;
    struct buf value; /* reused from row to row */
    bool *is_set;     /* for each row: main.cf has an entry */
};

static void *member(struct params *into, const struct param_row *row)
{
    return (char *)into + row->offset;
}

static int check_length(const struct param_row *row, struct slice value, struct error *error)
{
    if ((int64_t)value.len < row->min)
        return error_set(error, ERROR_PERMANENT, "bad string length %zu < %lld: %s = %.*s",
                         value.len, (long long)row->min, param_name(row), SLICE_ARG(value));
    if (row->max > 0 && (int64_t)value.len > row->max)
        return error_set(error, ERROR_PERMANENT, "bad string length %zu > %lld: %s = %.*s",
                         value.len, (long long)row->max, param_name(row), SLICE_ARG(value));
    return 0;
}

/* The unit of a time that bears none. */
static char missing_unit(const struct load *load, const struct param_row *row,
                         struct slice value)
{
    if (row->type != PARAM_TYPE_TIME || value.len == 0 ||
        !ascii_is_digit(value.ptr[value.len - 1]))
        return 's';
    return param_default_unit(row, load->main_cf);
}

/* The text of a default lives as long as the process: it is used where it lies. */
static const char *kept_text(const struct load *load, const struct param_row *row,
                             struct slice value)
{
    if (value.len == 0)
        return "";
    if (value.ptr == param_default(row) && value.ptr[value.len] == '\0')
        return value.ptr;
    return arena_text(load->arena, value);
}

/* Store the value of a row, from expanded text (RAW: from the text as it is). */
static int store(struct load *load, const struct param_row *row, struct slice value,
                 struct error *error)
{
    void *into = member(load->params, row);
    int64_t number;

    switch (row->type) {
    case PARAM_TYPE_TIME:
    case PARAM_TYPE_INT:
    case PARAM_TYPE_LONG:
        if (param_parse_number(row, value, missing_unit(load, row, value), &number, error) < 0)
            return -1;
        if (row->type == PARAM_TYPE_INT)
            *(int *)into = (int)number;
        else
            *(int64_t *)into = number;
        return 0;
    case PARAM_TYPE_BOOL:
        if (!param_parse_bool(value, into))
            return error_set(error, ERROR_PERMANENT,
                             "bad boolean configuration: %s = %.*s (expected yes or no)",
                             param_name(row), SLICE_ARG(value));
        return 0;
    case PARAM_TYPE_STRING:
    case PARAM_TYPE_RAW:
        if (check_length(row, value, error) < 0)
            return -1;
        *(const char **)into = kept_text(load, row, value);
        return 0;
    }
    return -1;
}

static int load_text(struct load *load, const struct param_row *row, const char *text,
                     struct error *error)
{
    if (row->type == PARAM_TYPE_RAW)
        return store(load, row, slice_from(text), error);
    if (!strchr(text, '$')) /* most: nothing to expand */
        return store(load, row, slice_trim(slice_from(text)), error);
    buf_reset(&load->value);
    if (main_cf_expand(load->main_cf, text, &load->value, error) < 0)
        return error_context(error, "%s", param_name(row));
    return store(load, row, slice_trim(buf_slice(&load->value)), error);
}

/* A value that another program minds is no error for this one, which goes on with the default.
 */
static int load_set_row(struct load *load, const struct param_row *row, const char *program,
                        struct error *error)
{
    const char *text = main_cf_raw(load->main_cf, slice_from(param_name(row)));

    if (load_text(load, row, text, error) == 0)
        return 0;
    if (program && !param_row_is_read_by(row, program) &&
        load_text(load, row, main_cf_default_of(load->main_cf, row), error) == 0)
        return 0;
    return main_cf_context(load->main_cf, param_name(row), error);
}

/*
 * A default can be out of range when it depends on what main.cf sets: then the programs that
 * read it do not start, and the others do without.
 */
static int load_default_row(struct load *load, const struct param_row *row, const char *program,
                            struct error *error)
{
    bool is_number = row->type != PARAM_TYPE_STRING && row->type != PARAM_TYPE_RAW;
    /* The one default that is not its own: overload. */
    const char *text = load->main_cf->stressed && strcmp(param_name(row), "stress") == 0
                           ? "yes"
                           : main_cf_default_of(load->main_cf, row);

    if (load_text(load, row, text, error) == 0 ||
        (is_number && (!program || !param_row_is_read_by(row, program))))
        return 0;
    return main_cf_context(load->main_cf, param_name(row), error);
}

/* Mark the rows that main.cf sets: it names few of them, so the others need no look-up. */
static void find_set_rows(struct load *load)
{
    struct hash_cursor cursor = {0};
    struct slice name;
    void *entry;

    while (hash_next(&load->main_cf->entries, &cursor, &name, &entry)) {
        const struct param_row *row = param_row_find(name);

        if (row)
            load->is_set[row - param_rows] = true;
    }
}

/* Rows that main.cf sets come first, so that an error names the line that is to blame. */
static int load_rows(struct load *load, const char *program, struct error *error)
{
    for (size_t i = 0; i < n_param_rows; i++) {
        if (load->is_set[i] && param_rows[i].kind == PARAM_KIND_PLAIN &&
            load_set_row(load, &param_rows[i], program, error) < 0)
            return -1;
    }
    for (size_t i = 0; i < n_param_rows; i++) {
        if (!load->is_set[i] && param_rows[i].kind == PARAM_KIND_PLAIN &&
            load_default_row(load, &param_rows[i], program, error) < 0)
            return -1;
    }
    return 0;
}

static void release_load(struct load *load)
{
    buf_release(&load->value);
    mem_free(load->is_set);
}

int params_load(struct params *into, const struct main_cf *main_cf, const char *program,
                struct arena *arena, struct error *error)
{
    struct params *loaded = arena_new(arena, struct params);
    CLEANUP(release_load)
    struct load load = {
        .main_cf = main_cf,
        .arena = arena,
        .params = loaded,
        .value = BUF_INIT,
        .is_set = mem_array(bool, n_param_rows),
    };

    find_set_rows(&load);
    if (load_rows(&load, program, error) < 0)
        return -1;
    *into = *loaded;
    return 0;
}
