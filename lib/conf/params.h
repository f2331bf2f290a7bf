/*
 * The parameters of main.cf as a C struct, made from the rows of params.def.
 *
 * A program fills the global `params` once at start-up (conf/conf.h) and reads params.NAME from
 * then on. Times are milliseconds. Strings are never NULL, expanded except for RAW rows, and
 * live as long as the process.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

struct main_cf;

struct params {
#define PARAM_TIME(member, state, owners, default_text, min, max, text, note) int64_t member;
#define PARAM_INT(member, state, owners, default_text, min, max, text, note)  int member;
#define PARAM_LONG(member, state, owners, default_text, min, max, text, note) int64_t member;
#define PARAM_BOOL(member, state, owners, default_text, text, note)           bool member;
#define PARAM_STRING(member, state, owners, default_text, min, max, text, note) \
    const char *member;
#define PARAM_RAW(member, state, owners, default_text, min, max, text, note) const char *member;
#include "conf/params.def"
};

extern struct params params;

enum param_type {
    PARAM_TYPE_TIME,
    PARAM_TYPE_INT,
    PARAM_TYPE_LONG,
    PARAM_TYPE_BOOL,
    PARAM_TYPE_STRING,
    PARAM_TYPE_RAW,
};

enum param_state { PARAM_STATE_USED, PARAM_STATE_NOT_YET, PARAM_STATE_MOOT };

enum param_kind {
    PARAM_KIND_PLAIN,
    PARAM_KIND_TEMPLATE, /* name is the suffix, offset unused */
    PARAM_KIND_OLD,      /* replacement set, offset unused */
};

/* One row of params.def. */
struct param_row {
    const char *name;
    enum param_kind kind;
    enum param_type type;
    enum param_state state;
    const char *owners;
    const char *default_text;
    int64_t min, max; /* a time: milliseconds */
    const char *text;
    const char *note;
    const char *replacement; /* OLD rows */
    size_t offset;           /* of the member in struct params */
};

/* All rows, in the order of params.def (by name; templates last). */
extern const struct param_row param_rows[];
extern const size_t n_param_rows;

/* The row of that exact name, or NULL. Templates are found by param_template_find. */
const struct param_row *param_row_find(const char *name);

/* The template row whose suffix ends "<service>_<suffix>", or NULL; *service is what precedes.
 */
const struct param_row *param_template_find(const char *name, struct slice *service);

/* True for rows whose default is found at run time (myhostname, process_id, ...). */
bool param_row_is_computed(const struct param_row *row);

/*
 * Fill *params from main.cf: defaults, then what main_cf sets, expanded and checked. All rows
 * are checked, so a bad value stops every program, whether it reads that parameter or not.
 * Strings are kept in the arena. On -1 *params is unchanged and the error names file, line,
 * parameter, value and what was expected.
 */
MUST_USE int params_load(struct params *params, const struct main_cf *main_cf,
                         struct arena *arena, struct error *error);

/*
 * Parse a value of the row's type. value is expanded text; a bare number for a TIME takes the
 * unit of default_unit ('s', 'h', ...). The error names the value and what was expected, not
 * the parameter. param_parse_number is for TIME, INT and LONG.
 */
MUST_USE int param_parse_number(const struct param_row *row, const char *value,
                                char default_unit, int64_t *number, struct error *error);
MUST_USE int param_parse_bool(const char *value, bool *result, struct error *error);

/*
 * Milliseconds of "100s", "5d", or "10" in the default unit: one of s m h d w. False when it is
 * not a time.
 */
bool param_parse_time(struct slice text, char default_unit, int64_t *ms);
