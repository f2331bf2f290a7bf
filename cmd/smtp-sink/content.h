/*
 * The text of a message as SMTP carries it: up to CRLF "." CRLF, with dots doubled at the start
 * of lines (RFC 5321 section 4.5.2).
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/slice.h"

enum content_state {
    CONTENT_AT_LINE, /* zero: the text begins with a line */
    CONTENT_IN_LINE,
    CONTENT_AFTER_CR,
    CONTENT_AFTER_DOT, /* the first of a line, which is not part of the text */
    CONTENT_AFTER_DOT_CR,
    CONTENT_ENDED,
};

struct content {
    enum content_state state;
    FILE *copy; /* gets the text with LF for CRLF, and without any other CR; may be NULL */
};

/* Take what belongs to the text: how many bytes those are, all unless the text has ended. */
size_t content_take(struct content *content, struct slice available);
