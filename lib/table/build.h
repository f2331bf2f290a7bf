/*
 * From the text of a table to its index: the work of postmap, postalias and newaliases.
 */
#pragma once

#include "base/compiler.h"
#include "base/error.h"
#include "table/table.h"

enum build_syntax {
    BUILD_MAP,     /* key value */
    BUILD_ALIASES, /* key: value, value */
};

enum build_duplicates {
    BUILD_DUPLICATES_WARN,   /* keep the first, warn */
    BUILD_DUPLICATES_IGNORE, /* keep the first (-w) */
    BUILD_DUPLICATES_REPLACE /* keep the last (-r) */
};

struct build_options {
    enum build_syntax syntax;
    enum build_duplicates duplicates;
    bool keep_case;        /* -f */
    bool values_are_files; /* -F */
    bool without_nul;      /* -n: no NUL byte behind keys and values */
    bool with_nul;         /* -N: do, also where the type has none by itself */
    bool keep_root;        /* -o: write as root even where the source has another owner */
    bool keep_mode;        /* -p: a new index does not get the source's permissions */
    bool shows_progress;   /* on a terminal (base/progress.h) */
    bool from_stdin;       /* -i: add what standard input says to the index */
};

/*
 * Write the index of "type:path" from the source file at path, or add to it. Bad lines are
 * passed over with a warning in the log that names file and line. The new index takes the place
 * of the old as a whole, or not at all.
 * Permanent error: the type is unknown or has no index. Temporary: a file cannot be read or
 * written.
 */
MUST_USE int table_build(const char *spec, const struct build_options *options,
                         struct error *error);

/* Delete keys. The number of those that were there, or -1. Uses keep_case and keep_root. */
MUST_USE int table_delete(const char *spec, const struct slice *keys, size_t n_keys,
                          const struct build_options *options, struct error *error);
