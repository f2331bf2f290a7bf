/*
 * params.def as an array, and finding rows in it.
 */
#include <string.h>

#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"

#define NO_LIMIT INT64_MAX

/* "p_2bounce_..." is how C spells a name that starts with a digit. */
#define NAME(member) (&(#member)[2 * (__builtin_memcmp(#member, "p_", 2) == 0)])

#define PLAIN(member_, type_, state_, owners_, default_, min_, max_, text_, note_) \
    {.name = NAME(member_),                                                        \
     .kind = PARAM_KIND_PLAIN,                                                     \
     .type = PARAM_TYPE_##type_,                                                   \
     .state = PARAM_STATE_##state_,                                                \
     .owners = (owners_),                                                          \
     .default_text = (default_),                                                   \
     .min = (min_),                                                                \
     .max = (max_),                                                                \
     .text = (text_),                                                              \
     .note = (note_),                                                              \
     .offset = offsetof(struct params, member_)},

const struct param_row param_rows[] = {
#define PARAM_TIME(m, s, o, d, min, max, t, n)   PLAIN(m, TIME, s, o, d, min, max, t, n)
#define PARAM_INT(m, s, o, d, min, max, t, n)    PLAIN(m, INT, s, o, d, min, max, t, n)
#define PARAM_LONG(m, s, o, d, min, max, t, n)   PLAIN(m, LONG, s, o, d, min, max, t, n)
#define PARAM_BOOL(m, s, o, d, t, n)             PLAIN(m, BOOL, s, o, d, 0, 0, t, n)
#define PARAM_STRING(m, s, o, d, min, max, t, n) PLAIN(m, STRING, s, o, d, min, max, t, n)
#define PARAM_RAW(m, s, o, d, min, max, t, n)    PLAIN(m, RAW, s, o, d, min, max, t, n)
#define PARAM_TEMPLATE(suffix, type_, state_, owners_, default_, min_, max_, text_, note_) \
    {.name = #suffix,                                                                      \
     .kind = PARAM_KIND_TEMPLATE,                                                          \
     .type = PARAM_TYPE_##type_,                                                           \
     .state = PARAM_STATE_##state_,                                                        \
     .owners = (owners_),                                                                  \
     .default_text = (default_),                                                           \
     .min = (min_),                                                                        \
     .max = (max_),                                                                        \
     .text = (text_),                                                                      \
     .note = (note_)},
#define PARAM_OLD(name_, state_, replacement_, text_, note_) \
    {.name = #name_,                                         \
     .kind = PARAM_KIND_OLD,                                 \
     .type = PARAM_TYPE_STRING,                              \
     .state = PARAM_STATE_##state_,                          \
     .owners = "",                                           \
     .default_text = "",                                     \
     .text = (text_),                                        \
     .note = (note_),                                        \
     .replacement = (replacement_)},
#include "conf/params.def"
};

const size_t n_param_rows = ARRAY_SIZE(param_rows);

/* Where the templates start. */
static size_t first_template(void)
{
    static size_t first;

    while (first < n_param_rows && param_rows[first].kind != PARAM_KIND_TEMPLATE)
        first++;
    return first;
}

const struct param_row *param_row_find(struct slice name)
{
    size_t low = 0, high = first_template();

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(name, slice_from(param_rows[middle].name));

        if (order == 0)
            return &param_rows[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct param_row *param_template_find(struct slice name, struct slice *service)
{
    const struct param_row *found = NULL;
    size_t found_length = 0;

    for (size_t i = first_template(); i < n_param_rows; i++) {
        size_t length = strlen(param_rows[i].name);

        /* the longest suffix: "..._destination_recipient_limit" is not a "..._recipient_limit"
         */
        if (length <= found_length || name.len < length + 2 ||
            !slice_ends_with(name, param_rows[i].name) ||
            name.ptr[name.len - length - 1] != '_')
            continue;
        found = &param_rows[i];
        found_length = length;
    }
    if (found)
        *service = slice_sub(name, 0, name.len - found_length - 1);
    return found;
}

const struct param_row *param_template_row(const char *suffix)
{
    for (size_t i = first_template(); i < n_param_rows; i++) {
        if (strcmp(param_rows[i].name, suffix) == 0)
            return &param_rows[i];
    }
    return NULL;
}

bool param_row_is_computed(const struct param_row *row)
{
    return slice_starts_with(slice_from(row->note), "computed");
}

bool param_row_is_read_by(const struct param_row *row, const char *program)
{
    struct slice owners = slice_from(row->owners);
    struct slice owner;

    while (words_next(&owners, WORDS_SPACE, &owner)) {
        if (slice_equals(owner, program) || slice_equals(owner, "all") ||
            slice_equals(owner, "library"))
            return true;
    }
    return false;
}
