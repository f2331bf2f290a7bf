/*
 * One "key value" line of a table's source (postmap, texthash, inline).
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "table/source.h"
#include "table/table.h"

/*
 * Take the source's current line apart: the key ends at the first white space outside of double
 * quotes; the quotes stay part of it. False after a warning in the log when there is nothing
 * usable. The slices point into line.
 */
bool table_entry_parse(const struct table_source *source, struct slice line, struct slice *key,
                       struct slice *value);

/*
 * Replace the value, a list of files, by their contents as base64 (postmap -F). Temporary error
 * naming the file.
 */
MUST_USE int table_entry_read_files(struct slice list, struct buf *base64, struct error *error);
/* The way back. False when the value is not base64. */
bool table_entry_decode(struct slice base64, struct buf *contents);
