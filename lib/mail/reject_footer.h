/*
 * What smtpd_reject_footer and its like put behind the text of a reply.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/*
 * Append the footer, already expanded, to the text of a reply whose lines end with LF: on a
 * line of its own, or behind the last line where the footer begins with "\c". The two
 * characters "\n" in it are a line end.
 */
void reject_footer_add(struct buf *text, struct slice footer);
