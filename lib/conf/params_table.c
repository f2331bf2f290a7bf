/*
 * params.def as an array, and finding rows in it.
 */
#include <string.h>

#include "base/time.h"
#include "conf/params.h"
#include "conf/words.h"

#define NO_LIMIT INT64_MAX

/*
 * The texts lie apart from the rows, a column at a time, and rows say where: so neither needs
 * the dynamic loader, which would write five pointers a row in each process, and what describes
 * a parameter is not even read from the disk by those that only load its value.
 */
static const struct names {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) char id[sizeof(name_)];
#include "conf/params_column.def"
} names = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) name_,
#include "conf/params_column.def"
};

static const struct owners {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) char id[sizeof(owners_)];
#include "conf/params_column.def"
} owners = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) owners_,
#include "conf/params_column.def"
};

static const struct defaults {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) char id[sizeof(default_)];
#include "conf/params_column.def"
} defaults = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) default_,
#include "conf/params_column.def"
};

static const struct texts {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) char id[sizeof(text_)];
#include "conf/params_column.def"
} texts = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) text_,
#include "conf/params_column.def"
};

static const struct notes {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) char id[sizeof(note_)];
#include "conf/params_column.def"
} notes = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) note_,
#include "conf/params_column.def"
};

static const struct replacements {
#define ROW(id, name_, owners_, default_, text_, note_, replacement_) \
    char id[sizeof(replacement_)];
#include "conf/params_column.def"
} replacements = {

#define ROW(id, name_, owners_, default_, text_, note_, replacement_) replacement_,
#include "conf/params_column.def"
};

/* "p_2bounce_..." is how C spells a name that starts with a digit. */
#define PREFIX(member)    (2 * (__builtin_memcmp(#member, "p_", 2) == 0))
#define IS_COMPUTED(note) (__builtin_strncmp(note, "computed", 8) == 0)

#define TEXTS(id)                                                                           \
    .name = offsetof(struct names, id) + PREFIX(id), .owners = offsetof(struct owners, id), \
    .default_text = offsetof(struct defaults, id), .text = offsetof(struct texts, id),      \
    .note = offsetof(struct notes, id), .replacement = offsetof(struct replacements, id)

#define PLAIN(member_, type_, state_, min_, max_, note_) \
    {TEXTS(member_),                                     \
     .kind = PARAM_KIND_PLAIN,                           \
     .type = PARAM_TYPE_##type_,                         \
     .state = PARAM_STATE_##state_,                      \
     .is_computed = IS_COMPUTED(note_),                  \
     .min = (min_),                                      \
     .max = (max_),                                      \
     .offset = offsetof(struct params, member_)},

const struct param_row param_rows[] = {
#define PARAM_TIME(m, s, o, d, min, max, t, n)   PLAIN(m, TIME, s, min, max, n)
#define PARAM_INT(m, s, o, d, min, max, t, n)    PLAIN(m, INT, s, min, max, n)
#define PARAM_LONG(m, s, o, d, min, max, t, n)   PLAIN(m, LONG, s, min, max, n)
#define PARAM_BOOL(m, s, o, d, t, n)             PLAIN(m, BOOL, s, 0, 0, n)
#define PARAM_STRING(m, s, o, d, min, max, t, n) PLAIN(m, STRING, s, min, max, n)
#define PARAM_RAW(m, s, o, d, min, max, t, n)    PLAIN(m, RAW, s, min, max, n)
#define PARAM_TEMPLATE(suffix, type_, state_, o, d, min_, max_, t, n) \
    {TEXTS(t_##suffix),                                               \
     .kind = PARAM_KIND_TEMPLATE,                                     \
     .type = PARAM_TYPE_##type_,                                      \
     .state = PARAM_STATE_##state_,                                   \
     .min = (min_),                                                   \
     .max = (max_)},
#define PARAM_OLD(name_, state_, r, t, n)                                 \
    {TEXTS(o_##name_), .kind = PARAM_KIND_OLD, .type = PARAM_TYPE_STRING, \
     .state = PARAM_STATE_##state_},
#include "conf/params.def"
};

const size_t n_param_rows = ARRAY_SIZE(param_rows);

const char *param_name(const struct param_row *row)
{
    return (const char *)&names + row->name;
}

const char *param_owners(const struct param_row *row)
{
    return (const char *)&owners + row->owners;
}

const char *param_obstacle(const struct param_row *row)
{
    if (slice_ends_with(slice_from(param_name(row)), "_tls_enable_rpk"))
        return " (raw public keys need OpenSSL 3.2)";
    return "";
}

const char *param_default(const struct param_row *row)
{
    return (const char *)&defaults + row->default_text;
}

const char *param_text(const struct param_row *row)
{
    return (const char *)&texts + row->text;
}

const char *param_note(const struct param_row *row)
{
    return (const char *)&notes + row->note;
}

const char *param_replacement(const struct param_row *row)
{
    return (const char *)&replacements + row->replacement;
}

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
        int order = slice_compare(name, slice_from(param_name(&param_rows[middle])));

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
        size_t length = strlen(param_name(&param_rows[i]));

        /* the longest suffix: "..._destination_recipient_limit" is not a "..._recipient_limit"
         */
        if (length <= found_length || name.len < length + 2 ||
            !slice_ends_with(name, param_name(&param_rows[i])) ||
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
        if (strcmp(param_name(&param_rows[i]), suffix) == 0)
            return &param_rows[i];
    }
    return NULL;
}

bool param_row_is_computed(const struct param_row *row)
{
    return row->is_computed;
}

bool param_row_is_read_by(const struct param_row *row, const char *program)
{
    struct slice rest = slice_from(param_owners(row));
    struct slice owner;

    while (words_next(&rest, WORDS_SPACE, &owner)) {
        if (slice_equals(owner, program) || slice_equals(owner, "all") ||
            slice_equals(owner, "library"))
            return true;
    }
    return false;
}
