/*
 * The settings of a database table: its own file in main.cf's syntax
 * ("pgsql:/etc/postfix/x.cf", where $ means nothing), or, the old way, parameters of main.cf
 * with the table's name in front
 * ("pgsql:x" and x_hosts, x_query).
 */
#pragma once

#include "base/error.h"
#include "base/watch.h"
#include "conf/main_cf.h"
#include "table/plugin.h"

struct table_settings {
    char *name; /* the file, or what is in front of "_setting" in main.cf */
    bool is_file;
    struct main_cf file;
    struct file_watch watch; /* of the file */
};

/* Temporary error: the file cannot be read ("open PATH: why"); permanent: its syntax is bad. */
MUST_USE int table_settings_open(struct table_settings *settings, const char *name,
                                 struct error *error);
void table_settings_release(struct table_settings *settings);

/* The text of a setting, NULL where it is not set. Valid until release. */
const char *table_settings_find(const struct table_settings *settings, const char *name);

/*
 * The value of a row: what is set, or the row's default. The text is valid until release.
 * Permanent error, naming file and setting: too short, not a number, out of range.
 */
MUST_USE int table_settings_value(const struct table_settings *settings,
                                  const struct plugin_setting *row, struct plugin_value *value,
                                  struct error *error);
