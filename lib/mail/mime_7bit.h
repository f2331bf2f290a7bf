/*
 * Makes a message fit for an SMTP server without 8BITMIME: parts marked as 8bit or binary
 * become quoted-printable (RFC 2045 section 6.7), the Content-Transfer-Encoding headers tell
 * so. What is 8-bit without a mark passes as it is, as it does with Postfix.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"
#include "mail/mime.h"

struct mime_7bit {
    struct mime mime;   /* .errors tells what was wrong with the message */
    bool is_converting; /* the body of the current part */
    struct buf line;    /* quoted-printable output that is not yet a line */
};

void mime_7bit_init(struct mime_7bit *converter, const struct mime_options *options);
void mime_7bit_release(struct mime_7bit *converter);

/*
 * Take a line and append what comes out: lines that end in \n. Only where the line given is a
 * piece, what comes out may end without.
 */
void mime_7bit_feed(struct mime_7bit *converter, struct slice line, enum mime_line kind,
                    struct buf *out);
void mime_7bit_end(struct mime_7bit *converter, struct buf *out);
