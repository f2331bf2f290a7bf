#include "conf/restrictions.h"

#include "base/mem.h"
#include "conf/known_names.h"

const struct restriction_row restriction_rows[] = {
#define RESTRICTION(name, function, argument) {#name, argument},
#include "conf/restrictions.def"
};

const size_t n_restriction_rows = ARRAY_SIZE(restriction_rows);

const char *const restriction_guards[] = {
    "reject_unauth_destination", "defer_unauth_destination", "reject", "defer",
    "defer_if_permit",           "check_relay_domains",      NULL,
};

const struct restriction_row *restriction_row_find(struct slice name)
{
    for (size_t i = 0; i < n_restriction_rows; i++) {
        if (slice_equals_nocase(name, restriction_rows[i].name))
            return &restriction_rows[i];
    }
    return NULL;
}

const char *restriction_name_nearest(struct slice name)
{
    CLEANUP(mem_free_text) char *text = slice_dup(name);
    const char *found = NULL;
    size_t best = NAME_ERRORS_MAX + 1;

    for (size_t i = 0; i < n_restriction_rows; i++) {
        size_t d = name_distance(text, restriction_rows[i].name, NAME_ERRORS_MAX);

        if (d < best) {
            best = d;
            found = restriction_rows[i].name;
        }
    }
    return found;
}

bool restriction_is_table(struct slice word)
{
    size_t colon = slice_find(word, ':');

    return colon > 0 && colon < word.len && word.ptr[0] != '{';
}
