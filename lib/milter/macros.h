/*
 * Macros: names and values that tell a filter more than the commands do.
 *
 * Which ones are sent with an event stands in main.cf (milter_*_macros), unless the filter
 * itself asked for others. Names are "j" or "{daemon_name}".
 */
#pragma once

#include "base/buf.h"
#include "base/compiler.h"
#include "base/slice.h"
#include "milter/packet.h"

struct milter_macros {
    const char *lists[N_MILTER_EVENTS]; /* by event; NULL: none */
    const char *defaults;               /* milter_macro_defaults: "name=value, {name}=value" */
    /* The value of a name (without braces), or NULL. It must live until the next call. */
    MAY_WAIT const char *(*value)(void *context, struct slice name);
    void *context;
};

/*
 * Append the names of the list that have a value, each as name NUL value NUL. list: separated
 * by spaces and commas; may be NULL.
 */
MAY_WAIT void milter_macros_collect(const struct milter_macros *macros, struct slice list,
                                    struct buf *out);
