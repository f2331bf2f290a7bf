/*
 * Tables in a database server (or library) that a plug-in speaks to: settings, key formats,
 * domain filter, several servers, results. One driver a type, all made by REMOTE_DRIVER.
 *
 * Each look-up may block; a server that does not answer costs a bounded time, set in the
 * plug-in.
 */
#pragma once

#include "table/drivers.h"

struct remote_type {
    const char *type;
    const char *package; /* of Debian, with the library to build with */
};

struct table *remote_open(const struct remote_type *type, const char *name,
                          struct error *error);
enum table_result remote_lookup(struct table *table, struct slice key, struct buf *value,
                                struct error *error);
void remote_close(struct table *table);
bool remote_has_changed(struct table *table);

#define REMOTE_DRIVER(id, package_name)                                                   \
    static struct table *id##_open(const char *name, const struct table_options *options, \
                                   struct error *error)                                   \
    {                                                                                     \
        static const struct remote_type type = {.type = #id, .package = (package_name)};  \
                                                                                          \
        (void)options;                                                                    \
        return remote_open(&type, name, error);                                           \
    }                                                                                     \
    const struct table_driver table_##id = {                                              \
        .type = #id,                                                                      \
        .may_block = true,                                                                \
        .is_plugin = true,                                                                \
        .folds_case = true,                                                               \
        .open = id##_open,                                                                \
        .lookup = remote_lookup,                                                          \
        .close = remote_close,                                                            \
        .has_changed = remote_has_changed,                                                \
    }
