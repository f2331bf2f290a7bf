/*
 * Finding the plug-in of a table type.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "table/plugin.h"

/* Where plug-ins lie, below the folder of the installed daemons. */
#define PLUGIN_FOLDER "plugins"

/* Is the file there? */
bool plugin_is_installed(const char *type);

/*
 * Load plugins/TYPE.so, once a process; before the jail. package is what would
 * provide it, for the error: "unsupported dictionary type: TYPE (why)".
 */
const void *plugin_load(const char *type, const char *package, const char *symbol,
                        struct error *error);
