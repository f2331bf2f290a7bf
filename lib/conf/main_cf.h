/*
 * main.cf as text: names, raw values and where each was set. Values are expanded on request;
 * what they mean is the business of params.h.
 *
 * Grammar: "name = value"; a line that starts with white space continues the one before; "#"
 * starts a comment where it is the first thing on a line; empty and comment lines are skipped,
 * also between the lines of one value. The last entry for a name wins. Unknown names are kept.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/slice.h"

#define MAIN_CF_MAX_BYTES (16 << 20)

struct main_cf_entry {
    const char *name;
    const char *value; /* one line, without white space around it, not expanded */
    const char *file;  /* "" for an override (-o, environment) */
    int line;          /* where it starts; 0 for an override */
    const struct main_cf_entry *shadowed; /* the earlier entry of this name, or NULL */
};

struct main_cf {
    struct arena arena;
    struct hash entries;  /* name -> struct main_cf_entry */
    struct hash computed; /* name -> text: defaults found at run time (params_computed.h) */
    struct buf warnings;  /* what is odd but no error, one line each, for the caller to log */
    bool stressed;        /* $stress is "yes", whatever the entries say */
};

void main_cf_init(struct main_cf *main_cf);
void main_cf_release(struct main_cf *main_cf);

/*
 * Add the entries of a file, or of text that came from a file called path. An error is
 * permanent for bad syntax (it names file and line) and temporary for a file that cannot be
 * read; entries before the bad line have been added.
 */
MUST_USE int main_cf_read(struct main_cf *main_cf, const char *path, struct error *error);
MUST_USE int main_cf_parse(struct main_cf *main_cf, struct slice text, const char *path,
                           struct error *error);

/* Set one name as an override: wins over what was there. */
void main_cf_set(struct main_cf *main_cf, struct slice name, struct slice value);

/* An override as "-o" has it: "name=value" or "{ name = value }" without the braces. */
MUST_USE int main_cf_override(struct main_cf *main_cf, struct slice assignment,
                              struct error *error);

/* Set by file or override; NULL when not. */
const struct main_cf_entry *main_cf_find(const struct main_cf *main_cf, struct slice name);

/*
 * All entries in the order of qsort(3)'s comparison of pointers to entries; *n of them, to be
 * freed with mem_free.
 */
typedef int main_cf_order(const void *, const void *);
MUST_USE const struct main_cf_entry **main_cf_sorted(const struct main_cf *main_cf,
                                                     main_cf_order *order, size_t *n);

/* The text of a default that is found at run time, such as that of myhostname. */
void main_cf_set_computed(struct main_cf *main_cf, const char *name, const char *text);

/*
 * Raw text of a name as "$name" sees it: the entry, else the default of params.def, else NULL.
 * main_cf_raw_default leaves the entries out.
 */
const char *main_cf_raw(const struct main_cf *main_cf, struct slice name);
const char *main_cf_raw_default(const struct main_cf *main_cf, struct slice name);
/* The same default of a row that is at hand. */
struct param_row;
const char *main_cf_default_of(const struct main_cf *main_cf, const struct param_row *row);

/* Append the text with all $names expanded (conf/expand.h has the grammar). */
MUST_USE int main_cf_expand(const struct main_cf *main_cf, const char *text, struct buf *result,
                            struct error *error);

/*
 * Append the expanded value of a name; nothing when there is no such name. The error starts
 * with file, line and name.
 */
MUST_USE int main_cf_value(const struct main_cf *main_cf, const char *name, struct buf *result,
                           struct error *error);

/* Prefix the error with where the name was set: "/etc/postfix/main.cf, line 7"; -1. */
int main_cf_context(const struct main_cf *main_cf, const char *name, struct error *error);

/* True when compatibility_level is (a level and) at least "3.6" or whatever level is asked for.
 */
bool main_cf_level_is(const struct main_cf *main_cf, const char *at_least);

/*
 * The checked text that master hands to workers: all entries with file and line, and the
 * computed defaults, so that a worker behind its jail needs no look-up of its own. The form is
 * private to these two functions; parsing bounds everything and may fail on foreign bytes.
 */
void main_cf_serialize(const struct main_cf *main_cf, struct buf *out);
MUST_USE int main_cf_unserialize(struct main_cf *main_cf, struct slice bytes,
                                 struct error *error);
