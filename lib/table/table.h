/*
 * Lookup tables: "type:name" opened once, asked many times. One required method, three results.
 *
 * Case folding, partial keys, lists of tables and "not found or broken?" belong to the callers
 * above (table/maps.h), never to a driver.
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

enum table_result { TABLE_FOUND, TABLE_NOT_FOUND, TABLE_ERROR };

struct table; /* a driver embeds it as its first member */

/* Reading all entries, for postmap -s and for building an index. */
typedef bool table_entry_fn(void *arg, struct slice key, struct slice value); /* false: stop */

struct table_driver {
    const char *type; /* "lmdb" in "lmdb:/etc/postfix/virtual" */
    bool may_block;   /* SQL, LDAP, NSS: opened by proxymap on behalf of the workers */
    bool is_pattern;  /* regexp, pcre, cidr, tcp, socketmap: partial keys are not tried */
    bool folds_case;  /* keys are folded by table_lookup before they reach the driver */
    struct table *(*open)(const char *name, struct error *error);
    /* Sets *value on TABLE_FOUND. An error is never "not found". */
    enum table_result (*lookup)(struct table *table, struct slice key, struct buf *value,
                                struct error *error);
    void (*close)(struct table *table);
    /* Walk over all entries in table order; NULL where the type cannot. */
    int (*walk)(struct table *table, table_entry_fn *entry, void *arg, struct error *error);
    /* True when the file behind it was changed or replaced since; NULL: never. */
    bool (*has_changed)(struct table *table);
    const struct table_writer *writer; /* NULL for types that are only read */
};

struct table {
    const struct table_driver *driver;
    char *spec; /* "type:name" as in main.cf, for messages */
};

/*
 * Open "type:name" (white space and braces as in main.cf allowed for inline and the like).
 * Errors: unknown type ("unsupported dictionary type: x"), missing file, bad pattern with file
 * and line. Types that may block become their proxy: unless the process calls
 * table_allow_blocking (proxymap, postmap). An open table stays open till table_close.
 */
MUST_USE struct table *table_open(const char *spec, struct error *error);
void table_close(struct table *table);
void table_allow_blocking(void);

/* Ask for exactly this key (folded where the driver says so). *value is replaced when found. */
MUST_USE MAY_WAIT enum table_result table_lookup(struct table *table, struct slice key,
                                                 struct buf *value, struct error *error);

/* "type:name" -> the driver, NULL when unknown; the list of types for postconf -m. */
const struct table_driver *table_driver_find(struct slice type);
const struct table_driver *const *table_drivers(void); /* NULL-terminated */
