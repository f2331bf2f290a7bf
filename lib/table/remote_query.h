/*
 * The question in its old form, as parts of an SQL statement.
 */
#pragma once

#include "base/buf.h"
#include "table/settings.h"

/*
 * Make an SQL query of select_function, or of select_field, table, where_field and
 * additional_conditions. Permanent error: a part is missing.
 */
MUST_USE int remote_query_build(const struct table_settings *settings, struct buf *query,
                                struct error *error);
