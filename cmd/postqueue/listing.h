/*
 * The queue as showq tells it, for people (the classic table) or as JSON lines.
 */
#pragma once

#include "net/stream.h"

enum listing_form {
    LISTING_CLASSIC,  /* as Postfix, to the byte */
    LISTING_TERMINAL, /* for people; after terminal_is_there() */
    LISTING_JSON,
};

/*
 * Read showq's list from the stream and print it as it comes. Ends the program when the stream
 * breaks or standard output does.
 */
void listing_show(struct stream *stream, enum listing_form form);
