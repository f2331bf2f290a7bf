/*
 * The names of the restrictions that access control knows (smtpd_*_restrictions), and what
 * stands behind each name. What they do is the business of smtpd.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum restriction_argument {
    RESTRICTION_ARGUMENT_NONE,
    RESTRICTION_ARGUMENT_TABLE,
    RESTRICTION_ARGUMENT_CCERT, /* a table, or { table, { search_order = ... } } */
    RESTRICTION_ARGUMENT_DOMAIN,
    RESTRICTION_ARGUMENT_NUMBER,
    RESTRICTION_ARGUMENT_POLICY, /* a socket, perhaps with settings in braces */
};

struct restriction_row {
    const char *name;
    enum restriction_argument argument;
};

/* In the order of conf/restrictions.def. */
extern const struct restriction_row restriction_rows[];
extern const size_t n_restriction_rows;

/* By name, in any case; NULL for another word, also for warn_if_reject and classes. */
const struct restriction_row *restriction_row_find(struct slice name);

/* The restriction that is at most two typing errors away from the name, or NULL. */
const char *restriction_name_nearest(struct slice name);

/* Is the word a table, "type:name", rather than a restriction's name? */
bool restriction_is_table(struct slice word);

/*
 * Without one of these in smtpd_relay_restrictions or smtpd_recipient_restrictions anybody
 * could send anything through us. NULL-terminated.
 */
extern const char *const restriction_guards[];
