/*
 * Looking a configuration over: values that nothing reads, names that nothing defines, names of
 * the past, and parameters that are accepted without being acted on.
 */
#pragma once

#include "conf/known_names.h"

enum name_trouble {
    NAME_UNUSED,       /* a value that nothing reads: most often misspelt */
    NAME_UNDEFINED,    /* $name of something that does not exist */
    NAME_COMMENT,      /* "#" inside of a value starts no comment there */
    NAME_DEPRECATED,   /* acted on, but there is a better way */
    NAME_REMOVED,      /* had a meaning once; the same name is NAME_UNUSED as well */
    NAME_NOT_YET,      /* set to other than its default, and nobody acts on it */
    NAME_WITHOUT_WORK, /* the same, and nobody has to: what it was for is gone */
};

struct name_finding {
    enum name_trouble trouble;
    const char *name;
    const char
        *value; /* raw; the text from the "#" on for a NAME_COMMENT; "" where undefined */
    const struct param_row *row;          /* NULL where there is none */
    const struct main_cf_entry *entry;    /* where: a line of main.cf, */
    const struct master_service *service; /* or a -o of this service; the other is NULL */
    const char *nearest;                  /* NAME_UNUSED: a name that exists, or NULL */
    struct slice use_instead;             /* NAME_DEPRECATED: empty where the default will do */
};

typedef void name_finding_fn(void *context, const struct name_finding *finding);

/* main.cf's entries in the order of their names; then each service's -o settings in order. */
void names_examine_main(const struct known_names *known, name_finding_fn *report,
                        void *context);
void names_examine_master(const struct known_names *known, name_finding_fn *report,
                          void *context);

/* Is the row NOT_YET (or MOOT), and the value other than the default? */
bool param_value_is_ignored(const struct param_row *row, const struct main_cf *main_cf,
                            const char *value);
