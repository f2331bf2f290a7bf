/*
 * Upper and lower case are the same in keys: how a key is brought into its one form.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

/*
 * Append the folded form of the key to *folded: ASCII letters become lower case and, with
 * smtputf8_enable, the whole text is folded as Unicode says (full case folding, no locale).
 */
void table_fold(struct buf *folded, struct slice key);

/* The key can be asked for: it is UTF-8, or nobody minds because smtputf8_enable is off. */
bool table_key_is_text(struct slice key);
