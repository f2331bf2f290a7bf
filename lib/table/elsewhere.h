/*
 * Asking a table by way of the program `lookup`. A command that every message runs, and that
 * needs a table in few configurations, does so: it does not load the libraries of all the types
 * of tables for nothing. Reads params.daemon_directory.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "table/table.h"

/*
 * How `lookup` is told what to do: maps_find, match_list_name with MATCH_PARENTS_NEVER, or, for
 * user_entry.c, what the system knows of a user.
 */
#define ELSEWHERE_MAPS "maps"
#define ELSEWHERE_LIST "list"
#define ELSEWHERE_USER "user"

/*
 * method     one of ELSEWHERE_.
 * parameter  the name of the parameter that has the tables; of a user "uid".
 * value      what was found, replaced then; NULL for a list.
 * The answer is that of maps_find or match_list_name; trouble with the program is TABLE_ERROR,
 * too. Waits, and for nobody but the child. The configuration is that of MAIL_CONFIG, which
 * conf_load sets.
 */
MUST_USE enum table_result elsewhere_ask(const char *method, const char *parameter,
                                         struct slice key, struct buf *value,
                                         struct error *error);

/* The exit status that says so. */
int elsewhere_status(enum table_result result);
