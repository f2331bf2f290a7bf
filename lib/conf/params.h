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

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order is that of params.def */
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
    PARAM_KIND_OLD,      /* offset unused */
};

/* One row of params.def. Its texts are asked for below: a row knows where they are. */
struct param_row {
    uint32_t name, owners, default_text, text, note, replacement;
    enum param_kind kind : 8;
    enum param_type type : 8;
    enum param_state state : 8;
    bool is_computed;
    uint32_t offset;  /* of the member in struct params */
    int64_t min, max; /* a time: milliseconds */
};

const char *param_name(const struct param_row *row);
const char *param_owners(const struct param_row *row);
const char *param_default(const struct param_row *row);
const char *param_text(const struct param_row *row);
const char *param_note(const struct param_row *row);
/* " (why a NOT_YET row has no effect)" for messages, or empty. */
const char *param_obstacle(const struct param_row *row);
const char *param_replacement(const struct param_row *row); /* OLD rows; else empty */

/* All rows: PLAIN and OLD ones by name in byte order, then the templates. */
extern const struct param_row param_rows[];
extern const size_t n_param_rows;

/* The PLAIN or OLD row of that exact name, or NULL. */
const struct param_row *param_row_find(struct slice name);

/*
 * The template row of a name such as "smtp_destination_rate_delay", or NULL; *service is the
 * part before the suffix.
 */
const struct param_row *param_template_find(struct slice name, struct slice *service);

/* The template row of that suffix, or NULL. */
const struct param_row *param_template_row(const char *suffix);

/* True when the program is among the row's owners, or the row is one that all read. */
bool param_row_is_read_by(const struct param_row *row, const char *program);

/* True for rows whose default is found at run time (myhostname, process_id, ...). */
bool param_row_is_computed(const struct param_row *row);

/*
 * Fill *params from main.cf: defaults, then what main_cf sets, expanded and checked. program
 * says whose rows must be right: a bad value of a row that names other owners only counts as
 * its default. NULL: all rows must be right. Strings are kept in the arena. On -1 *params is
 * unchanged and the error names file, line, parameter, value and what was expected.
 */
MUST_USE int params_load(struct params *params, const struct main_cf *main_cf,
                         const char *program, struct arena *arena, struct error *error);

/*
 * Parse the expanded value of a TIME, INT or LONG row and check its range. A bare number for a
 * TIME is in default_unit. The error names parameter, value and what was expected.
 */
MUST_USE int param_parse_number(const struct param_row *row, struct slice value,
                                char default_unit, int64_t *number, struct error *error);

/* "yes" or "no" in any case; false when it is neither. */
bool param_parse_bool(struct slice value, bool *result);

/*
 * Milliseconds of "100s", "5d", or "10" in the default unit: one of s m h d w. False when it is
 * not a time. As with Postfix nothing behind the unit counts: postscreen_dnsbl_ttl = 5m makes
 * the default of its successor "5mh".
 */
bool param_parse_time(struct slice text, char default_unit, int64_t *ms);

/*
 * The unit of a bare number for a TIME row: the first letter of its expanded default. 's' when
 * there is none.
 */
char param_default_unit(const struct param_row *row, const struct main_cf *main_cf);
