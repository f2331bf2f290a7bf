/*
 * Lookup tables: "type:name" opened once, asked many times. One required method, three results.
 *
 * Case folding, partial keys, lists of tables and "not found or broken?" belong to the callers
 * above (table/maps.h), never to a driver.
 *
 * Drivers read `params` (smtputf8_enable, lmdb_map_size, proxymap_service_name, ipc_timeout)
 * and log a warning, with file and line, for each single line that they pass over.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"
#include "base/slice.h"

enum table_result { TABLE_FOUND, TABLE_NOT_FOUND, TABLE_ERROR };

struct table;        /* a driver embeds it as its first member */
struct table_writer; /* table/writer.h */

/* What may differ between two uses of the same "type:name"; all false for most. */
struct table_options {
    bool keep_case;        /* postmap -f: keys are not folded */
    bool no_substitution;  /* no $1 in results, which otherwise the sender of mail can shape */
    bool sensitive;        /* that, and no answers from over an open network or a proxy */
    bool binary_keys;      /* message text: keys need not be UTF-8 */
    bool values_are_files; /* postmap -F: values are file lists, kept as base64 */
};

/* Reading all entries, for postmap -s and for building an index. */
typedef bool table_entry_fn(void *arg, struct slice key, struct slice value); /* false: stop */

struct table_driver {
    const char *type;     /* "lmdb" in "lmdb:/etc/postfix/virtual" */
    bool may_block;       /* SQL, LDAP, NSS: opened by proxymap on behalf of the workers */
    bool is_plugin;       /* what speaks to the server is loaded when a table is opened */
    bool is_open_network; /* answers come unauthenticated: not for sensitive uses */
    bool is_pattern;      /* regexp, pcre, cidr, tcp, socketmap: partial keys are not tried */
    bool folds_case;      /* keys are folded by table_lookup before they reach the driver */
    struct table *(*open)(const char *name, const struct table_options *options,
                          struct error *error);
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
    char *spec;      /* "type:name" as in main.cf, for messages */
    bool folds;      /* the driver's folds_case, unless the options say otherwise */
    bool is_pattern; /* the driver's, or that of the tables behind it */
    bool binary_keys;
    /* What will be looked for if the key is not there, as maps_find_address knows it when it
     * begins a look-up: a driver that asks another process fetches both. Mostly empty. */
    struct slice next_key;
};

/*
 * Open "type:name" (white space and braces as in main.cf allowed for inline and the like).
 * Errors: unknown type ("unsupported dictionary type: x"), missing file, bad syntax. Types that
 * may block become their proxy: unless the process calls table_allow_blocking (proxymap,
 * postmap). An open table stays open till table_close. options may be NULL.
 */
MUST_USE struct table *table_open(const char *spec, const struct table_options *options,
                                  struct error *error);
/* The same, but never fails: what cannot be opened is a table whose look-ups say why it cannot
 * ("type:name is unavailable. reason"). *error has the reason, or stays as it was. */
struct table *table_open_anyway(const char *spec, const struct table_options *options,
                                struct error *error);
/* A table that answers TABLE_ERROR with this reason. */
struct table *table_unavailable(const char *spec, const char *reason);
void table_close(struct table *table);
void table_allow_blocking(void);
/* Open what is behind proxy: here, since there may be no proxymap to ask; also allows blocking.
 */
void table_pass_proxy_over(void);

/*
 * Ask for exactly this key (folded where the driver says so). *value is replaced when found. A
 * key that is not UTF-8 is in no table, unless smtputf8_enable is off or the keys are binary.
 */
MUST_USE MAY_WAIT enum table_result table_lookup(struct table *table, struct slice key,
                                                 struct buf *value, struct error *error);

/* Walk over all entries; -1 with a permanent error for types that cannot. */
MUST_USE int table_walk(struct table *table, table_entry_fn *entry, void *arg,
                        struct error *error);
/* The file behind it was changed or replaced since it was opened. */
bool table_has_changed(struct table *table);

/* "type:name" -> the driver, NULL when unknown; the list of all types. */
const struct table_driver *table_driver_find(struct slice type);
const struct table_driver *const *table_drivers(void); /* NULL-terminated */
/* Can tables of this type be opened here? Not where its plug-in is missing. */
bool table_driver_is_installed(const struct table_driver *driver);
