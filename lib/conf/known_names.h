/*
 * Which names are parameters in a given configuration: those of params.def, those that the
 * services of master.cf bring with them, and what the user defined and refers to somewhere.
 */
#pragma once

#include "base/arena.h"
#include "base/hash.h"
#include "base/slice.h"
#include "conf/main_cf.h"
#include "conf/master_cf.h"
#include "conf/params.h"

/* A name is in exactly one class; postconf -C speaks of them. */
enum {
    NAME_CLASS_FORMER = 0, /* of old, and not set: known when asked for, never listed */
    NAME_CLASS_BUILTIN = 1,
    NAME_CLASS_SERVICE = 2,
    NAME_CLASS_USER = 4,
    NAME_CLASS_ALL = 7
};

struct known_name {
    const char *name;
    int class;
    const struct param_row *row; /* NULL for a name that the user made */
};

struct known_names {
    const struct main_cf *main_cf; /* both outlive this */
    const struct master_cf *master_cf;
    struct arena arena;
    struct hash names; /* name -> struct known_name */
};

void known_names_init(struct known_names *known, const struct main_cf *main_cf,
                      const struct master_cf *master_cf);
void known_names_release(struct known_names *known);

/* Find them all. */
void known_names_collect(struct known_names *known);
/* NULL for a name that is no parameter. */
const struct known_name *known_names_find(const struct known_names *known, struct slice name);

/*
 * Does a setting under this former name (an OLD row) still have an effect? It has while the
 * default of its successor refers to it.
 */
bool param_old_is_read(const struct param_row *row);

/*
 * How many typing errors the two names are apart, for names of a length that parameters have;
 * more than limit where they are further apart than that or longer.
 */
size_t name_distance(const char *a, const char *b, size_t limit);

#define NAME_ERRORS_MAX 2

/* The parameter of params.def that is at most two typing errors away from the name, or NULL. */
const char *param_name_nearest(const char *name);

/* Call visit for each name that the text refers to by $name or ${name...}. */
void names_referenced(struct slice text, void (*visit)(void *context, struct slice name),
                      void *context);
