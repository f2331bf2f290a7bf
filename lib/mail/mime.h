/*
 * The MIME structure of a message (RFC 2045, RFC 2046), line by line as it passes: which line
 * is a header of the message, of a part, of a nested message, or body. Nothing of the message
 * is kept but the header that is being put together and the boundaries that are open.
 *
 *     mime_init(&mime, &options);
 *     while (there is a line) {
 *         mime_feed(&mime, line, MIME_LINE_WHOLE);
 *         while (mime_next(&mime, &item))
 *             ...
 *     }
 *     mime_end(&mime);
 *     while (mime_next(&mime, &item))
 *         ...
 *
 * Where the formats leave a choice, and for broken input, it does what Postfix does.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"
#include "mail/header.h"

struct mime_options {
    bool disabled;                /* disable_mime_input_processing: one header, then body */
    size_t header_size_limit;     /* bytes of one header; what goes beyond is dropped */
    size_t boundary_length_limit; /* of a boundary that is compared */
    bool encodes_global;          /* an 8-bit message/global part is a leaf: mime_7bit.h */
    size_t nesting_limit;         /* mime_nesting_limit */
};

/* What a header belongs to, and with it the table that looks at it. */
enum mime_class {
    MIME_PRIMARY, /* header_checks */
    MIME_PART, /* mime_header_checks; every MIME header is of this class, wherever it stands */
    MIME_NESTED, /* nested_header_checks: header of a message/rfc822 part */
};

/* 7bit unless a Content-Transfer-Encoding says otherwise. */
enum mime_encoding { MIME_7BIT, MIME_8BIT, MIME_BINARY, MIME_QUOTED_PRINTABLE, MIME_BASE64 };

enum mime_type { MIME_LEAF, MIME_MULTIPART, MIME_MESSAGE };

/* What a header says about the content that follows. */
struct mime_entity {
    enum mime_type type;
    bool is_rfc822;  /* message/rfc822 or message/global: a nested message follows */
    bool is_global;  /* message/global */
    bool is_partial; /* message/partial or message/external-body: 7-bit only */
    bool is_digest;  /* multipart/digest: its parts are message/rfc822 by default */
    enum mime_encoding encoding;
};

enum mime_item_kind {
    MIME_HEADER,     /* a whole header; continuation lines follow after \n */
    MIME_HEADER_END, /* of the message, a part or a nested message: nothing to write */
    MIME_BODY,       /* any other line, also the empty one behind a header */
};

struct mime_item {
    enum mime_item_kind kind;
    enum mime_class mime_class;     /* of a header: see above; of a header's end: whose it is */
    struct slice text;              /* without line end; valid until the next mime_feed */
    const struct header_info *info; /* of a header that header_find knows, else NULL */
    size_t name_length;             /* of a header */
    bool continues;                 /* of a body line: only a piece, the rest follows */
    bool is_boundary;               /* of a body line: it ends a part */
    struct mime_entity entity;      /* at a header's end: what that header said */
    bool is_inserted; /* of an empty body line: it was not in the message, whose header ends
                         without one */
};

/* What may be wrong with a message; bits. */
enum mime_error {
    MIME_ERROR_NESTING = 1,         /* always an error */
    MIME_ERROR_8BIT_IN_HEADER = 2,  /* strict_7bit_headers, strict_8bitmime */
    MIME_ERROR_8BIT_IN_BODY = 4,    /* in a 7-bit part: strict_8bitmime_body, strict_8bitmime */
    MIME_ERROR_ENCODING_DOMAIN = 8, /* strict_mime_encoding_domain */
};

/* "improper use of 8-bit data in message header", of the lowest bit; all are "550 5.6.0". */
const char *mime_error_text(unsigned errors);

enum mime_state { MIME_IN_PRIMARY, MIME_IN_PART, MIME_IN_NESTED, MIME_IN_BODY };

struct mime_boundary {
    char *text;
    size_t len;
    bool is_digest;
};

#define MIME_ITEMS_MAX 4

struct mime {
    struct mime_options options;
    enum mime_state state;
    unsigned errors; /* enum mime_error bits seen so far */
    struct mime_entity entity;
    struct buf header;                /* being put together */
    struct buf done_header;           /* handed out */
    bool header_is_full;              /* over the limit: what follows of it is dropped */
    bool line_continues;              /* the last line fed was a piece */
    struct mime_boundary *boundaries; /* outermost first */
    size_t n_boundaries, boundaries_capacity;
    struct mime_item items[MIME_ITEMS_MAX];
    size_t n_items, next_item;
};

void mime_init(struct mime *mime, const struct mime_options *options);
void mime_release(struct mime *mime); /* twice is harmless */

enum mime_line { MIME_LINE_WHOLE, MIME_LINE_CONTINUES /* a piece of a line; more follows */ };

/* Take a line, without its end. It must stay valid until the items have been taken. */
void mime_feed(struct mime *mime, struct slice line, enum mime_line kind);
/* The message is at its end. */
void mime_end(struct mime *mime);
/* The next thing that came out of it; false when there is nothing until more is fed. */
bool mime_next(struct mime *mime, struct mime_item *item);
