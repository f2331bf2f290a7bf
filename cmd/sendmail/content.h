/*
 * The message text on standard input: line ends, the final dot, leading From_ lines, and the
 * recipients in its headers.
 */
#pragma once

#include "drop.h"
#include "options.h"

/* Copy it as content records. Returns the X record's segment ready to go on with recipients. */
void content_copy(struct drop *drop, const struct options *options);

/*
 * After content_copy with -t: write the R records of To, Cc and Bcc, or of the Resent- ones
 * where there are any. Returns how many there were.
 */
size_t content_put_recipients(struct drop *drop, const struct options *options);

/* Write the R records of an address list in header syntax, each with its NOTIFY. */
size_t recipients_put(struct drop *drop, const struct options *options, struct slice list);
