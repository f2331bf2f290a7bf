/*
 * One line of an aliases file: "name: address, |command, /file, :include:/file".
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "table/source.h"

/*
 * Take the source's current line apart: name in internal form (unquoted), value in the form of
 * headers, white space made regular and comments kept. False after a warning in the log.
 */
bool alias_source_parse(const struct table_source *source, struct slice line, struct buf *name,
                        struct buf *value);
